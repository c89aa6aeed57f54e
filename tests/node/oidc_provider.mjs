// An OpenID provider that the tests sign in at: `oidc-provider`, as its makers ship it, over https on loopback.
//
//   node oidc_provider.mjs SETTINGS.json
//
// SETTINGS: port, certificate and key (files), client (as dynamic registration has it), and accounts: login -> claims.
// Its own pages for development ask for a login (any password will do) and for consent.
import { createServer } from "node:https";
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const issuer = `https://127.0.0.1:${settings.port}`;

const provider = new Provider(issuer, {
  clients: [settings.client],
  claims: { openid: ["sub"], profile: ["groups", "preferred_username"], email: ["email", "email_verified"] },
  conformIdTokenClaims: settings.userinfo,
  cookies: { keys: ["a key of the tests"] },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...(settings.accounts[id] ?? {}) }),
  }),
});

const files = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
createServer(files, provider.callback()).listen(settings.port, "127.0.0.1", () => console.log("listening"));
