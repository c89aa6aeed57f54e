// A wallet of @openid4vc/openid4vci: takes offers as it would from a QR code. One JSON object a line in, one a line out.
//
//   {"offer": link, "txCode": text, "key": private JWK, "alg": name, "didUrl": URL or null}
//       {"metadata", "token", "credentials"}   everything up to the credential, over the network
//       {"error", "answer"}                    what the client made of a refusal, and what the server had said
import * as crypto from 'node:crypto';
import * as readline from 'node:readline';
import {clientAuthenticationAnonymous} from '@openid4vc/oauth2';
import {Openid4vciClient} from '@openid4vc/openid4vci';

console.log = console.error; // what a library has to say must not stand among the answers

const base64url = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function publicJwk({kty, crv, x, y}) {
  return {kty, crv, x, ...(y ? {y} : {})};
}

function callbacks(key) {
  const missing = name => () => { throw new Error(`${name} is not to be asked for`); };
  return {
    fetch,
    hash: (data, algorithm) => crypto.createHash(algorithm.replace('-', '').toLowerCase()).update(data).digest(),
    generateRandom: count => crypto.randomBytes(count),
    clientAuthentication: clientAuthenticationAnonymous(),
    encryptJwe: missing('encryption'),
    decryptJwe: missing('decryption'),
    verifyJwt: missing('verification'),
    getX509CertificateMetadata: missing('certificate'),
    signJwt: (signer, {header, payload}) => {
      const signed = `${base64url(header)}.${base64url(payload)}`;
      const options = {key: crypto.createPrivateKey({key, format: 'jwk'}), dsaEncoding: 'ieee-p1363'};
      const signature = crypto.sign(key.crv === 'Ed25519' ? null : 'sha256', Buffer.from(signed), options);
      return {jwt: `${signed}.${signature.toString('base64url')}`, signerJwk: publicJwk(key)};
    }
  };
}

async function taken({offer, txCode, key, alg, didUrl, configuration}) {
  const client = new Openid4vciClient({callbacks: callbacks(key)});
  const credentialOffer = await client.resolveCredentialOffer(offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const {accessTokenResponse: token} =
    await client.retrievePreAuthorizedCodeAccessTokenFromOffer({credentialOffer, issuerMetadata, txCode});
  const {c_nonce: nonce} = await client.requestNonce({issuerMetadata});
  const credentialConfigurationId = configuration ?? credentialOffer.credential_configuration_ids[0];
  const signer = didUrl ? {method: 'did', alg, didUrl} : {method: 'jwk', alg, publicJwk: publicJwk(key)};
  const {jwt} = await client.createCredentialRequestJwtProof({issuerMetadata, credentialConfigurationId, nonce, signer});
  const {credentialResponse} = await client.retrieveCredentials({
    issuerMetadata, credentialConfigurationId, accessToken: token.access_token, proofs: {jwt: [jwt]}
  });
  return {
    draft: issuerMetadata.originalDraftVersion,
    metadata: issuerMetadata.credentialIssuer,
    credentials: credentialResponse.credentials.map(({credential}) => credential)
  };
}

for await (const line of readline.createInterface({input: process.stdin})) {
  let said;
  try {
    said = await taken(JSON.parse(line));
  } catch(error) {
    said = {error: String(error), answer: error.errorResponse ?? error.response?.credentialErrorResponseResult?.data ?? null};
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
