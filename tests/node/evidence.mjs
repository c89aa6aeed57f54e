// Judges evidence files with the pages' own verifier; one question a line, one answer a line.
import { createInterface } from "node:readline";

import { Refused, hasEd25519, verifyEvidence } from "../../api/static/verify.mjs";

async function answer(question) {
  if (question.can) return { can: await hasEd25519() };
  const { data, vkeys, now, maxAge, at } = question;
  try {
    const asked = { now: new Date(now), maxAge, at: at === null ? null : new Date(at) };
    const found = await verifyEvidence(Buffer.from(data, "base64"), vkeys, asked);
    const { verdict, reason, checks } = found;
    return { verdict, reason, checks: checks.map(({ code, state, reason }) => [code, state, reason]) };
  } catch (error) {
    if (error instanceof Refused) return { verdict: "refused", reason: error.message, checks: [] };
    return { verdict: "crashed", reason: error.stack, checks: [] };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
