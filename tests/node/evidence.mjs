// Judges evidence files with the pages' own verifier; one question a line, one answer a line.
import { createInterface } from "node:readline";

import { Refused, hasEd25519, parsePolicy, verifyEvidence } from "../../api/static/verify.mjs";

async function answer(question) {
  if (question.can) return { can: await hasEd25519() };
  const { data, policy, now, maxAge, at } = question;
  try {
    const asked = { now: new Date(now), maxAge, at: at === null ? null : new Date(at) };
    const known = await parsePolicy(policy);
    const { verdict, reason, checks, facts } = await verifyEvidence(Buffer.from(data, "base64"), known, asked);
    const anchors = facts.anchors.map(({ name, word }) => [name, word !== null]);
    const short = checks.map(({ code, state, reason }) => [code, state, reason]);
    return { verdict, reason, checks: short, anchors, passedOver: known.passedOver };
  } catch (error) {
    if (error instanceof Refused) return { verdict: "refused", reason: error.message, checks: [] };
    return { verdict: "crashed", reason: error.stack, checks: [] };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
