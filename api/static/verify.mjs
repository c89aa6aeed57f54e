// Verifies cairn/evidence files: from a file's bytes, the log keys that are trusted, and an instant, to a verdict with named
// checks. Pure: no network, no document, no clock. Runs in browsers, in Node, and from one HTML file on a disk. It is long, since
// it is one file on purpose: read as a whole, sent as a whole, kept as a whole.
//
// It is a second writing of the Python verifier's plan (verifier/verify.py) for policies of Ed25519 keys: logs, witnesses and
// their quorum. Time-stamping authorities and ML-DSA-44 keys are passed over, as if the policy did not name them. Tests hold the
// two against each other, on good files and on altered ones: this one never says `valid` where that one does not.
//
// Source: docs/spec/evidence.md, docs/spec/report.md, docs/spec/policy.md; RFC 9162 section 2.1; C2SP signed-note,
// tlog-checkpoint, tlog-cosignature, tlog-policy.

// ── what can go wrong

/** The bytes are no evidence file; nothing was judged. */
export class Refused extends Error {}
/** Something in a file that was read does not hold. */
class Wrong extends Error {
  constructor(message, reason = null) {
    super(message);
    this.reason = reason;
  }
}
/** A good word of somebody who is trusted, under another name than the policy's. */
class Misnamed extends Error {}
const SIGNATURE = "log_signature_wrong";
/** A history with an event that this version does not know. */
class UnknownEvent extends Error {}

const must = (holds, message, reason = null) => {
  if (!holds) throw new Wrong(message, reason);
};

// ── limits (docs/spec/report.md)

export const MAX_FILE_BYTES = 1_048_576;
const MAX_DEPTH = 32;
const MAX_NUMBER_CHARS = 40;
const MAX_TEXT = 65_535;
const MAX_SIGNATURES = 16;
const MAX_POLICY_BYTES = 262_144;
const MAX_POLICY_LINES = 512;
const CLOCK_SKEW = 60_000_000n;
const CHUNK_BITS = 8_192;
const BLOCK_BITS = 131_072;

// ── bytes

const encoder = new TextEncoder();
const utf8 = (text) => encoder.encode(text);
const fromUtf8 = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Standard base64 with padding, in its one canonical form. */
function unbase64(text) {
  let raw;
  try {
    raw = atob(text);
  } catch {
    throw new Wrong("not base64");
  }
  must(btoa(raw) === text, "base64 not canonical");
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

// ── strict JSON: what two readers could take for two things is refused (RFC 7493)

/** A number with a fraction or an exponent; kept apart, since none stands where a count is due. */
class Real {}

function parseJson(bytes, limit) {
  must(bytes.length <= limit, `more than ${limit} bytes`);
  let text;
  try {
    text = fromUtf8(bytes);
  } catch {
    throw new Wrong("not UTF-8");
  }
  let at = 0;
  const fail = (message = "not JSON") => {
    throw new Wrong(`${message} (at character ${at})`);
  };
  const skip = () => {
    while (" \t\n\r".includes(text[at]) && at < text.length) at += 1;
  };
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) fail();
    at = pattern.lastIndex;
    return found[0];
  };
  const string = () => {
    const value = JSON.parse(take(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y));
    return /\p{Surrogate}/u.test(value) ? fail("a lone surrogate") : value;
  };
  const number = () => {
    const spelling = take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (spelling.length > MAX_NUMBER_CHARS) fail("too long a number");
    const value = Number(spelling);
    if (/[.eE]/.test(spelling)) return Number.isFinite(value) ? new Real() : fail("too large a number");
    return Number.isSafeInteger(value) ? value : fail("too large a number");
  };
  const list = (depth) => {
    const items = [];
    at += 1;
    for (skip(); text[at] !== "]"; skip()) {
      if (items.length && take(/,/y)) skip();
      items.push(any(depth + 1));
    }
    at += 1;
    return items;
  };
  const object = (depth) => {
    const members = new Map();
    at += 1;
    for (skip(); text[at] !== "}"; skip()) {
      if (members.size && take(/,/y)) skip();
      const name = string();
      if (members.has(name)) fail("two members of one name");
      skip();
      take(/:/y);
      members.set(name, any(depth + 1));
    }
    at += 1;
    return members;
  };
  function any(depth) {
    skip();
    const first = text[at];
    if (first === "{" || first === "[") {
      if (depth >= MAX_DEPTH) fail("nested too deep");
      return first === "{" ? object(depth) : list(depth);
    }
    if (first === '"') return string();
    if (first === "t" || first === "f" || first === "n") return JSON.parse(take(/true|false|null/y));
    return number();
  }
  const value = any(0);
  skip();
  if (at !== text.length) fail();
  return value;
}

/** RFC 8785 for what records hold: no fractions. Sorting by UTF-16 units is what JavaScript does. */
function canonical(value) {
  must(!(value instanceof Real), "a fraction in a record");
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const names = [...value.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`).join(",")}}`;
}

// ── shapes: a checker takes a JSON value and returns what it means, or throws

const text = (value) => (must(typeof value === "string", "no text"), value);
const int = (value) => (must(Number.isSafeInteger(value), "no integer"), value);
const flag = (value) => (must(typeof value === "boolean", "no boolean"), value);
const anything = (value) => value;
const count = (value) => (must(Number.isSafeInteger(value) && value >= 0, "no count"), value);
const shortText = (value) => (must(text(value).length <= MAX_TEXT, "a text that is too long"), value);
const bytes = (most, least = 0) => (value) => {
  const raw = unbase64(text(value));
  must(raw.length >= least && raw.length <= most, "no such bytes");
  return raw;
};
const hexHash = (value) => (must(/^[0-9a-f]{64}$/.test(text(value)) && value.length === 64, "no hash"), value);
const uuid = (value) => {
  const form = /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
  must(form.test(text(value)), "no UUID");
  return value.replaceAll("-", "").toLowerCase();
};
const list = (item, most = Infinity, least = 0) => (value) => {
  must(Array.isArray(value) && value.length <= most && value.length >= least, "no such list");
  return value.map(item);
};
const members = (item) => (value) => {
  must(value instanceof Map, "no object");
  return new Map([...value].map(([name, one]) => [name, item(one)]));
};
const maybe = (item) => (value) => (value === null ? null : item(value));
/** An object with exactly these members; a name with a question mark may be absent. */
const shape = (fields) => (value) => {
  must(value instanceof Map, "no object");
  const read = {};
  let known = 0;
  for (const [field, item] of Object.entries(fields)) {
    const name = field.replace("?", "");
    if (!value.has(name) && field.endsWith("?")) continue;
    must(value.has(name), `no ${name}`);
    read[name] = item(value.get(name));
    known += 1;
  }
  must(known === value.size, "an unknown member");
  return read;
};

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)$/;
/** An instant as microseconds since 1970; a seventh digit is rounded, as the other verifier does. */
function instant(value) {
  const found = INSTANT.exec(text(value));
  must(found !== null, "no instant");
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  const isDay = year > 0 && at.getUTCMonth() === month - 1 && at.getUTCDate() === day;
  must(isDay && hour < 24 && minute < 60 && second < 60, "no such instant");
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(found[8]) ?? [null, "+", 0, 0];
  must(hours < 24 && minutes < 60, "no such offset");
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
  const seconds = BigInt(at.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second);
  const digits = (found[7] ?? "").padEnd(7, "0");
  return seconds * 1_000_000n + BigInt(digits.slice(0, 6)) + (digits[6] >= "5" ? 1n : 0n);
}
/** An instant in the one spelling of evidence files. */
const plainInstant = (value) => {
  must(/^[\d-]{10}T[\d:]{8}(?:\.\d{1,6})?Z$/.test(text(value)), "no instant");
  return instant(value);
};

// ── the file

const proof = list(bytes(32, 32), 63);
const provedEntry = shape({ index: count, entry: bytes(65_535), proof });
const provedChunk = shape({ leaf: count, chunk: bytes(1_024, 1_024), proof });
const statusChunks = shape({ revocation: provedChunk, suspension: provedChunk });
const anchor = shape({
  kind: (value) => (must(["rfc3161", "cosignature"].includes(value), "no kind of anchor"), value),
  name: (value) => (must(text(value).length >= 1 && [...value].length <= 128, "no name"), value),
  time: (value) => (must([...text(value)].length <= 40, "no time"), value),
  checkpoint: shortText,
  token: bytes(65_535),
  index: count,
  proof,
  consistency: proof,
});
const evidenceFile = shape({
  format: (value) => (must(/^cairn\/evidence\/v[12]$/.test(text(value)), "another format"), value),
  credential: text,
  log: shape({ origin: shortText, vkey: shortText }),
  checkpoint: shortText,
  entries: list(provedEntry, 64, 1),
  state: provedEntry,
  status: statusChunks,
  directory: shape({ leaf: count, record: bytes(262_144), proof }),
  anchors: list(anchor, 16),
  anchored_size: maybe(count),
  "part?": shape({ leaf: bytes(4_096), index: count, proof, status: statusChunks }),
});

/** Read an evidence file. Throws Refused. Proves nothing. */
export function parseEvidence(data) {
  try {
    const evidence = evidenceFile(parseJson(data, MAX_FILE_BYTES));
    must((evidence.format === "cairn/evidence/v2") === ("part" in evidence), "a part in another format");
    parsePublicId(evidence.credential);
    return evidence;
  } catch (error) {
    if (error instanceof Wrong) throw new Refused(error.message);
    throw error;
  }
}

// ── identifiers

function parsePublicId(id) {
  must(/^[0-9a-v]{36}$/.test(id) && id.length === 36, "no credential id");
  const bits = Array.from(id, (digit) => parseInt(digit, 32).toString(2).padStart(5, "0")).join("");
  must(bits.endsWith("0000"), "no credential id");
  return Uint8Array.from(bits.slice(0, 176).match(/.{8}/g), (octet) => parseInt(octet, 2));
}

/** The id under which the log holds a credential, 32 hex digits. */
async function logId(id) {
  const raw = parsePublicId(id);
  const digest = await sha256(joined(utf8("cairn/credential-id/v1\n"), raw));
  const whole = joined(raw.slice(0, 6), digest.slice(0, 10));
  whole[6] = (whole[6] & 0x0f) | 0x80;
  whole[8] = (whole[8] & 0x3f) | 0x80;
  return hex(whole);
}

// ── signed notes

const isKeyName = (name) => name !== "" && !/[\s\u0085+\u0000-\u001f]/.test(name);
const mustBeText = (note) => must(note.endsWith("\n") && !/[\u0000-\u0009\u000b-\u001f]/.test(note), "no note text");

/** Read a verifier key of one type (1: a log's, 4: a cosigner's). */
async function parseVkey(vkey, type) {
  const cut = vkey.indexOf("+");
  const name = vkey.slice(0, cut);
  const raw = unbase64(vkey.slice(vkey.indexOf("+", cut + 1) + 1));
  must(cut > 0 && isKeyName(name) && raw.length === 33 && raw[0] === type, `no verifier key of type ${type}`);
  const id = hex((await sha256(joined(utf8(`${name}\n`), raw))).slice(0, 4));
  must(`${name}+${id}+${btoa(String.fromCharCode(...raw))}` === vkey, "no canonical verifier key");
  return { vkey, name, id, type, raw: raw.slice(1) };
}

/** Whether this place can verify Ed25519 at all. */
export async function hasEd25519() {
  try {
    const key = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"); // RFC 8032 section 7.1, test 1
    return !(await ed25519(key, new Uint8Array(64), new Uint8Array()));
  } catch {
    return false;
  }
}

async function ed25519(key, signature, message) {
  if (signature.length !== 64) return false;
  const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** Whether a line's bytes are the key's signature of the text. A cosignature begins with its time, eight bytes. */
async function isSignature(key, note, blob) {
  try {
    if (key.type === 1) return await ed25519(key.raw, blob, utf8(note));
    return blob.length === 72 && (await ed25519(key.raw, blob.slice(8), utf8(`cosignature/v1\ntime ${seconds(blob)}\n${note}`)));
  } catch {
    return false; // a public key that is no point of the curve
  }
}
const seconds = (blob) => new DataView(blob.buffer, blob.byteOffset).getBigUint64(0);

const lesser = (one, other) => (one < other ? one : other);

/** The one signature line that a witness's word is. */
function readToken(token) {
  let line;
  try {
    line = fromUtf8(token);
  } catch {
    throw new Wrong("no text");
  }
  must(line.endsWith("\n"), "not one line");
  return parseLine(line.slice(0, -1));
}

function parseLine(line) {
  const parts = line.split(" ");
  must(parts.length === 3 && parts[0] === "\u2014" && isKeyName(parts[1]), "no signature line");
  const raw = unbase64(parts[2]);
  must(raw.length > 4, "no signature");
  return { name: parts[1], id: hex(raw.slice(0, 4)), blob: raw.slice(4) };
}

function parseNote(whole) {
  const cut = whole.lastIndexOf("\n\n");
  must(cut >= 0 && whole.endsWith("\n"), "no signed note");
  const note = whole.slice(0, cut + 1);
  mustBeText(note);
  const lines = whole.slice(cut + 2, -1).split("\n");
  must(lines.length <= 100, "too many signatures");
  return { text: note, lines: lines.map(parseLine) };
}

/** The key's own lines on a note. A wrong one, or one by it under another name or id, condemns the note. */
async function linesBy(key, note) {
  const own = note.lines.filter((line) => line.name === key.name && line.id === key.id);
  for (const line of note.lines) {
    const isOwn = own.includes(line);
    const forms = isOwn || key.type === 1 ? [line.blob] : [line.blob, joined(new Uint8Array(1), line.blob.slice(1))];
    for (const blob of forms) {
      must((await isSignature(key, note.text, blob)) === isOwn, `a line by ${key.name} was altered`, SIGNATURE);
    }
  }
  return own;
}

/** When a cosigner saw the note, in microseconds; null if it did not. */
async function cosignedAt(key, note) {
  const times = (await linesBy(key, note)).map((line) => seconds(line.blob));
  must(times.every((time) => time <= 253_402_300_799n), "after the year 9999", SIGNATURE);
  return times.length ? times.reduce((one, other) => (one > other ? one : other)) * 1_000_000n : null;
}

function parseCheckpoint(note) {
  mustBeText(note);
  const [origin, size, root, ...more] = note.slice(0, -1).split("\n");
  must(origin !== "" && more.length === 0 && root !== undefined, "no checkpoint");
  must(/^(?:0|[1-9]\d{0,15})$/.test(size) && Number.isSafeInteger(Number(size)), "no tree size");
  const raw = unbase64(root);
  must(raw.length === 32, "no root");
  return { origin, size: Number(size), root: raw };
}

/** The checkpoint in a note, if one of the policy's log keys signed it, one in use before a retired one; null if none did. */
async function trustNote(whole, policy) {
  const note = parseNote(whole);
  must(note.lines.length <= MAX_SIGNATURES, "too many signatures");
  const checkpoint = parseCheckpoint(note.text);
  const signed = [];
  for (const key of policy.logs.filter((one) => one.name === checkpoint.origin)) {
    if ((await linesBy(key, note)).length) signed.push(key);
  }
  const log = signed.find((key) => !policy.retired.has(key.vkey)) ?? signed[0];
  return log ? { note, checkpoint, log } : null;
}

/** The checkpoint of a signed note that a log key of the policy signed, with its root in hex; null if none did, or it is wrong. */
export async function readCheckpoint(whole, policy) {
  try {
    const found = await trustNote(whole, policy);
    return found && { ...found.checkpoint, root: hex(found.checkpoint.root) };
  } catch (error) {
    if (error instanceof Wrong) return null;
    throw error;
  }
}

// ── policies

/** A key of one type; null for one of ML-DSA-44 (type 6), which nothing here can verify. */
async function parseKey(vkey, type) {
  const kept = vkey.split("+").slice(2).join("+");
  return kept && unbase64(kept)[0] === 6 ? null : await parseVkey(vkey, type);
}

const materialOf = (vkey) => vkey.split("+").slice(2).join("+");

/** The lines of a policy: each takes the policy and the words behind its own. */
const POLICY_LINES = {
  async log(policy, words) {
    must(words.length >= 1 && words.length <= 2, "a log has one key");
    must(!policy.logs.some((one) => materialOf(one.vkey) === materialOf(words[0])), "the same log key twice");
    keep(policy, policy.logs, await parseKey(words[0], 1));
  },
  async witness(policy, words) {
    must(words.length >= 2 && words.length <= 3, "a witness has a name and a key");
    name(policy, words[0]);
    must(!policy.witnesses.some((one) => materialOf(one.key.vkey) === materialOf(words[1])), "the same witness key twice");
    const key = await parseKey(words[1], 4);
    keep(policy, policy.witnesses, key && { name: words[0], key });
  },
  group(policy, [group, wanted, ...members]) {
    must(members.length, "a group has members");
    const taken = policy.groups.flatMap((one) => one.members);
    must(new Set(members).size === members.length && !members.some((one) => taken.includes(one)), "in a group already");
    must(members.every((one) => one !== "none" && policy.names.has(one)), "a member that is not defined above");
    name(policy, group);
    const threshold = { any: 1, all: members.length }[wanted] ?? (/^[1-9]\d{0,2}$/.test(wanted) ? Number(wanted) : 0);
    must(threshold >= 1 && threshold <= members.length, "a group takes any, all, or a number");
    policy.groups.push({ name: group, threshold, members });
  },
  quorum(policy, words) {
    must(words.length === 1 && policy.names.has(words[0]) && policy.quorum === null, "no such quorum");
    policy.quorum = words[0];
  },
  tsa(policy) {
    policy.passedOver += 1;
  },
  async retired(policy, words) {
    must(words.length === 2 && !policy.retired.has(words[0]), "a key and one instant");
    await parseKey(words[0], 1).catch(() => parseKey(words[0], 4));
    policy.retired.set(words[0], plainInstant(words[1]));
  },
};

function name(policy, given) {
  must(/^[^\s#]{1,128}$/u.test(given) && !policy.names.has(given), "a name that cannot be used, or is used twice");
  policy.names.add(given);
}

function keep(policy, list, key) {
  if (key) list.push(key);
  else policy.passedOver += 1;
}

/**
 * Read a policy: whose word is taken. Throws Refused.
 *
 * `passedOver` counts what it names and nothing here can verify: time-stamping authorities' lines, ML-DSA-44 keys.
 */
export async function parsePolicy(text) {
  const policy = { logs: [], witnesses: [], groups: [], quorum: null, retired: new Map(), names: new Set(["none"]), passedOver: 0 };
  const lines = text.split("\n");
  try {
    must(utf8(text).length <= MAX_POLICY_BYTES && lines.length <= MAX_POLICY_LINES + 1, "a policy that is too long");
    for (const [at, line] of lines.entries()) {
      must(!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line), `line ${at + 1}: a control character`);
      const [kind, ...words] = line.split(/[ \t]+/).filter(Boolean);
      if (!kind || kind.startsWith("#")) continue;
      must(Object.hasOwn(POLICY_LINES, kind), `line ${at + 1}: ${kind.slice(0, 40)}`);
      await POLICY_LINES[kind](policy, words);
    }
  } catch (error) {
    if (error instanceof Wrong) throw new Refused(`no policy: ${error.message}`);
    throw error;
  }
  policy.quorum ??= "none";
  return policy;
}

/** Whether cosignatures by witnesses of these names are enough. */
function satisfies(policy, names) {
  const met = new Set(names);
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((one) => met.has(one)).length >= threshold) met.add(name);
  }
  return policy.quorum === "none" || met.has(policy.quorum);
}

/** A word's time; null if it was given when the key was retired. */
const counted = (policy, key, time) => (policy.retired.has(key.vkey) && time >= policy.retired.get(key.vkey) ? null : time);

// ── trees

const leafHash = (entry) => sha256(joined(Uint8Array.of(0), entry));
const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));
const half = (number) => Math.floor(number / 2); // sizes go beyond 32 bits

/** RFC 9162 section 2.1.3.2. */
export async function proveInclusion(leaf, index, size, path, root) {
  must(index < size, `leaf ${index} is not in a tree of ${size}`);
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    must(last !== 0, "a proof that is too long");
    if (node % 2 || node === last) {
      hash = await nodeHash(sibling, hash);
      while (node % 2 === 0 && node) [node, last] = [half(node), half(last)];
    } else {
      hash = await nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  must(last === 0 && same(hash, root), "a proof that leads elsewhere");
}

/** RFC 9162 section 2.1.4.2. */
export async function proveConsistency(old, present, path) {
  must(old.size > 0 && old.size <= present.size, "no older size");
  if (old.size === present.size) return must(!path.length && same(old.root, present.root), "two trees of one size");
  let [node, last] = [old.size - 1, present.size - 1];
  while (node % 2) [node, last] = [half(node), half(last)];
  const hashes = node ? path : [old.root, ...path]; // a complete old tree is itself the first node of the path
  must(hashes.length, "no proof");
  let [one, other] = [hashes[0], hashes[0]];
  for (const sibling of hashes.slice(1)) {
    must(last !== 0, "a proof that is too long");
    if (node % 2 || node === last) {
      [one, other] = [await nodeHash(sibling, one), await nodeHash(sibling, other)];
      while (node % 2 === 0 && node) [node, last] = [half(node), half(last)];
    } else {
      other = await nodeHash(other, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  must(last === 0 && same(one, old.root) && same(other, present.root), "no extension");
}

// ── log entries and the events in them

const HEADER = /^cairn-entry\/v1\n([a-z0-9_.]{1,64})\n([0-9a-f]{32})\n([1-9][0-9]{0,18})\n/;
function parseEntry(raw) {
  // The header is at most 135 bytes of ASCII; what follows need not be text.
  const found = HEADER.exec(String.fromCharCode(...raw.slice(0, 160)));
  must(found && BigInt(found[3]) < 2n ** 63n, "no entry frame");
  return { topic: found[1], owner: found[2], version: BigInt(found[3]), body: raw.slice(found[0].length) };
}

const ISSUE = {
  institution: uuid,
  key_id: text,
  commitments: members(hexHash),
  status_block: int,
  status_index: int,
  valid_from: instant,
  valid_until: maybe(instant),
  recorded_at: instant,
};
const CHANGE = { recorded_at: instant };
const END = { ...CHANGE, reason: text, effective_at: instant };
const SIGNED = { ...CHANGE, key_id: text, commitments: members(hexHash) };
const EVENTS = {
  issued: { ...ISSUE, achievement: uuid, edition: int },
  attested: ISSUE,
  suspended: { ...END, note: maybe(hexHash) },
  reinstated: { ...CHANGE, effective_at: instant },
  revoked: { ...END, note: maybe(hexHash) },
  replaced: { ...END, successor: hexHash },
  reissued: SIGNED,
  form_added: SIGNED,
  stacked: { ...CHANGE, pathway: uuid, pathway_version: int, rules: hexHash, derivation: hexHash },
  review_opened: { ...CHANGE, reason: text, due_at: instant, appeal_until: instant },
  appealed: { ...CHANGE, statement: maybe(hexHash) },
  appeal_decided: { ...CHANGE, outcome: text, note: maybe(hexHash) },
  review_closed: { ...CHANGE, outcome: text },
};
const BIRTHS = ["issued", "attested"];
const TEMPLATE = shape({
  title: text,
  language: text,
  description: text,
  outcomes: list(shape({ text, skill_uri: maybe(text), skill_name: maybe(text) })),
  assessment: text,
  participation: text,
  quality_assurance: text,
  criteria: text,
  credits_centi: maybe(int),
  workload_minutes: maybe(int),
  eqf_level: maybe(int),
  qf_ehea: maybe(text),
  supervision: maybe(text),
  prerequisites: maybe(text),
  stackable: maybe(text),
});
const EDITION = { institution: uuid, code: text, edition: int, template: TEMPLATE, recorded_at: instant };
const MODULE = { code: text, achievement: text, edition: int, credits_centi: int, semester: int, required: flag };
const CURRICULUM = {
  title: text,
  language: text,
  achievement: text,
  partial: maybe(text),
  credits_centi: int,
  withdrawal: text,
  review_days: maybe(int),
  modules: list(shape(MODULE)),
};
const PROGRAMME = { institution: uuid, code: text, edition: int, curriculum: shape(CURRICULUM), recorded_at: instant };
const UNPACKED = {
  institution: uuid,
  programme: uuid,
  edition: int,
  key_id: text,
  whole: hexHash,
  leaves: int,
  root: hexHash,
  status_block: int,
  status_index: int,
  recorded_at: instant,
};
const PARTED = { institution: uuid, status_block: int, status_index: int, recorded_at: instant };
const LEAF = {
  credential: uuid,
  achievement: uuid,
  edition: int,
  credits_centi: int,
  commitments: members(hexHash),
  status_index: int,
  valid_from: instant,
  valid_until: maybe(instant),
  salt: hexHash,
};

const body = (entry, fields) => shape(fields)(parseJson(entry.body, MAX_TEXT));

function readEvent(entry) {
  const kind = /^credential\.([a-z_]+)\.v1$/.exec(entry.topic)?.[1];
  if (!Object.hasOwn(EVENTS, kind ?? "")) throw new UnknownEvent(entry.topic);
  return { kind, version: Number(entry.version), ...body(entry, EVENTS[kind]) };
}

function readChange(entry) {
  const event = readEvent(entry);
  must(!BIRTHS.includes(event.kind), "two beginnings");
  return event;
}

function readEdition(entry) {
  const found = /^achievement\.(?:published|revised)\.v([12])$/.exec(entry.topic);
  must(found, `${entry.topic} publishes no achievement`);
  return { ...body(entry, found[1] === "1" ? EDITION : { ...EDITION, details: members(anything) }), entry };
}

function readProgramme(entry) {
  const changes = { "programme.published.v1": {}, "programme.revised.v1": { changes: list(members(anything)) } }[entry.topic];
  must(changes, `${entry.topic} publishes no programme`);
  return { ...body(entry, { ...PROGRAMME, ...changes }), entry };
}

function mustRun(entries, owner) {
  entries.forEach((entry, at) => must(entry.owner === owner && entry.version === BigInt(at + 1), "out of order"));
}

/** The history of an award: its events in the order of the log, and last the edition that it was awarded for. */
function readTimeline(entries) {
  const attested = entries[0].topic === "credential.attested.v1";
  const history = attested ? entries : entries.slice(0, -1);
  mustRun(history, history[0]?.owner);
  const events = history.map(readEvent);
  const edition = attested ? null : readEdition(entries.at(-1));
  must(events.length && BIRTHS.includes(events[0].kind), "no issue at its beginning");
  must(events.slice(1).every((event) => !BIRTHS.includes(event.kind)), "two beginnings");
  return { issued: events[0], changes: events.slice(1), shared: [], edition, origin: null };
}

/** The two histories of a part of an unpacked diploma, and what it is a part of. */
async function readPart(entries, part, owner) {
  must(entries.length >= 3, "too few entries");
  const history = entries.slice(0, -2);
  must(history[0].topic === "unpacking.made.v1", "no unpacking");
  const made = body(history[0], UNPACKED);
  const leaf = await openLeaf(made, part, owner);
  const [programme, edition] = [readProgramme(entries.at(-2)), readEdition(entries.at(-1))];
  const size = sharedEntries(history);
  mustRun(history.slice(0, size), history[0].owner);
  mustRun(history.slice(size), owner);
  const shared = history.slice(1, size).map(readChange);
  let changes = [];
  if (history.length > size) {
    must(history[size].topic === "credential.parted.v1", "no beginning");
    const parted = body(history[size], PARTED);
    const agrees =
      parted.institution === made.institution &&
      parted.status_block === made.status_block &&
      parted.status_index === leaf.status_index;
    must(agrees, "of another place");
    changes = history.slice(size + 1).map(readChange);
  }
  const never = ["reissued", "form_added", "replaced", "stacked"];
  must(![...shared, ...changes].some((event) => never.includes(event.kind)), "no event of a part");
  const { institution, key_id, status_block, recorded_at } = made;
  const issued = { kind: "issued", version: 1, ...leaf, institution, key_id, status_block, recorded_at };
  return { issued, changes, shared, edition, origin: { made, programme, credits_centi: leaf.credits_centi } };
}

async function openLeaf(made, part, owner) {
  try {
    const tag = utf8("cairn/part/v1\n");
    must(same(part.leaf.slice(0, tag.length), tag), "a leaf of another tag");
    await proveInclusion(await leafHash(part.leaf), part.index, made.leaves, part.proof, unhex(made.root));
    const leaf = shape(LEAF)(parseJson(part.leaf.slice(tag.length), 4_096));
    must(leaf.credential === owner, "a leaf of another part");
    return leaf;
  } catch (error) {
    if (error instanceof Wrong) throw new Wrong(error.message, "part_not_opened");
    throw error;
  }
}

function sharedEntries(entries) {
  const end = entries.findIndex((entry) => entry.owner !== entries[0].owner);
  return end < 0 ? entries.length : end;
}

// ── what follows from a history

const ends = (events) => events.filter((event) => event.kind === "revoked" || event.kind === "replaced");
const switches = (events) => events.filter((event) => event.kind === "suspended" || event.kind === "reinstated");
const earliest = (events) => events.reduce((one, other) => (one && one.effective_at <= other.effective_at ? one : other), null);
const histories = (timeline) => (timeline.origin ? [timeline.changes, timeline.shared] : [timeline.changes]);
const bitsOf = (timeline) =>
  histories(timeline).flatMap((events) => [ends(events).length > 0, switches(events).at(-1)?.kind === "suspended"]);
const endOf = (timeline) => earliest([...ends(timeline.changes), ...ends(timeline.shared)]);

/** The suspension that held at an instant. After the last effective date the order of the log decides. */
function suspendedAt(timeline, at) {
  const held = [timeline.changes, timeline.shared].map((events) => {
    let all = switches(events);
    if (all.some((event) => event.effective_at > at)) {
      all = all.filter((event) => event.effective_at <= at);
      all.sort((one, other) => (one.effective_at < other.effective_at ? -1 : one.effective_at > other.effective_at ? 1 : 0));
    }
    return all.at(-1)?.kind === "suspended" ? all.at(-1) : null;
  });
  return earliest(held.filter((one) => one));
}

// ── the directory record

const KEY = {
  key_id: text,
  multibase: text,
  valid_from: instant,
  retired_at: maybe(instant),
  revoked_at: maybe(instant),
  compromised_at: maybe(instant),
};
const ACCREDITATION = {
  accreditation_id: text,
  by: text,
  scope: text,
  valid_from: instant,
  valid_until: maybe(instant),
  withdrawn_at: maybe(instant),
  "limits?": maybe(shape({ levels: list(int), fields: list(text), kinds: list(text), country: maybe(text) })),
};
const RECORD = {
  institution: uuid,
  number: count,
  slug: text,
  name: text,
  country: text,
  kind: text,
  did: text,
  registered_at: instant,
  keys: list(shape(KEY)),
  accreditations: list(shape(ACCREDITATION)),
  "version?": (value) => (must(value === 2, "another version"), value),
};

function parseRecord(raw) {
  const value = parseJson(raw, 262_144);
  const record = shape(RECORD)(value);
  must(same(utf8(canonical(value)), raw), "not canonical");
  must(new Set(record.keys.map((key) => key.key_id)).size === record.keys.length, "two keys of one id");
  must(record.accreditations.every((one) => "limits" in one === "version" in record), "limits misplaced");
  return record;
}

// ── entitlement: an accreditation's limits against the award (docs/spec/directory.md)

const KINDS = {
  micro_credential: ["MicroCredential"],
  certificate: "Apprenticeship Journeyman Master".split(" ").map((name) => `${name}Certificate`),
  diploma: ["Diploma", "GeneralEducationDevelopment", "SecondarySchoolDiploma"],
  degree: "Associate Bachelor Doctoral Master".split(" ").map((name) => `${name}Degree`),
};
KINDS.certificate.push("Certificate", "CertificateOfCompletion", "Certification");
KINDS.degree.push("Degree", "ProfessionalDoctorate", "ResearchDoctorate");
const TYPE = "achievement_type";
const CYCLES = { short: 5, first: 6, second: 7, third: 8 };

function subjectOf(edition, record) {
  const { template, details = new Map() } = edition;
  const type = details.has(TYPE) ? details.get(TYPE) : "MicroCredential";
  const field = details.get("isced_f");
  return {
    level: template.eqf_level || (Object.hasOwn(CYCLES, template.qf_ehea ?? "") ? CYCLES[template.qf_ehea] : null),
    field: typeof field === "string" ? field : null,
    kind: Object.keys(KINDS).find((kind) => KINDS[kind].includes(type)) ?? "other",
    country: record.country,
  };
}

/** "within", "outside" or "unstated". */
function fit(limits, subject) {
  if (!limits || !subject) return "within";
  const found = [
    [subject.level, limits.levels],
    [subject.kind, limits.kinds],
    [subject.country, limits.country === null ? [] : [limits.country]],
  ].map(([value, named]) => (!named.length || named.includes(value) ? "within" : value === null ? "unstated" : "outside"));
  if (limits.fields.length) {
    const { field } = subject;
    if (field === null) found.push("unstated");
    else if (limits.fields.some((one) => field.startsWith(one))) found.push("within");
    else found.push(limits.fields.some((one) => one.startsWith(field)) ? "unstated" : "outside");
  }
  return ["outside", "unstated"].find((how) => found.includes(how)) ?? "within";
}

function covers(one, at) {
  const lasts = one.valid_until === null || at <= one.valid_until;
  return one.valid_from <= at && lasts && (one.withdrawn_at === null || at < one.withdrawn_at);
}

// ── the plan

/** Whose reason a report takes when several checks did not pass: the one nearest to the ground. As in verifier/plan.py. */
const DECIDING = (
  "log.known log.entries log.state log.cosignatures log.anchors status.history status.bits status.agreement issuer.known " +
  "genuine.achievement genuine.origin issuer.key issuer.compromise status.revocation status.suspension issuer.accreditation " +
  "stack.components dates.valid_from dates.valid_until log.fresh"
).split(" ");

/**
 * Judge an evidence file.
 *
 * @param {Uint8Array} data The file.
 * @param {object} policy Whose word is taken: see `parsePolicy`.
 * @param {{now: Date, maxAge?: number|null, at?: Date|null}} asked The present; the oldest evidence, in seconds, that speaks of
 *   it (600 by default; null judges an archived file as of its own instant); an instant to judge as of.
 * @returns {Promise<{verdict: string, reason: string, checks: object[], facts: object}>}
 * @throws {Refused} The bytes are no evidence file, or `at` has not come.
 *
 * Not checked: any document; time stamps by authorities; what was signed with ML-DSA-44.
 */
export async function verifyEvidence(data, policy, { now, maxAge = 600, at = null }) {
  const evidence = parseEvidence(data);
  const micros = (date) => BigInt(date.getTime()) * 1000n;
  const asked = { now: micros(now), at: at && micros(at), maxAge: maxAge === null ? null : BigInt(Math.round(maxAge * 1e6)) };
  if (asked.at !== null && asked.at > asked.now) throw new Refused("that day has not come yet");
  return new Judge(evidence, policy, asked).judge();
}

class Judge {
  constructor(evidence, policy, asked) {
    Object.assign(this, { evidence, policy, asked, anchored: [], checks: [], facts: { anchors: [], witnesses: [] } });
  }

  say(code, state, reason, values = {}) {
    this.checks.push({ code, state, reason, values });
    return state === "passed";
  }

  /** Run a step whose errors fail a check; returns what the step returns, or null. */
  async step(code, reason, work) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      const why = error.reason === SIGNATURE && code !== "log.known" ? reason : (error.reason ?? reason);
      this.say(code, "failed", why, { detail: error.message });
      return null;
    }
  }

  unjudged(...codes) {
    for (const code of codes) this.say(code, "unknown", "not_judged");
    return null;
  }

  async judge() {
    const { asked, facts } = this;
    this.trusted = await this.judgeCheckpoint();
    this.entries = await this.judgeEntries();
    this.state = await this.judgeState();
    const cosigned = await this.judgeCosignatures();
    await this.judgeAnchors();
    const spoken = this.judgeFreshness(cosigned);
    let timeline = await this.judgeHistory();
    timeline = await this.judgeBits(timeline);
    const asOf = asOfInstant(asked, spoken, timeline);
    await this.judgeIssuer(timeline, cosigned);
    this.judgeAchievement(timeline);
    this.judgeStatus(timeline, asOf);
    if (this.trusted) facts.log = { ...this.trusted.checkpoint, root: hex(this.trusted.checkpoint.root) };
    Object.assign(facts, { asOf, spoken, entries: this.evidence.entries.length, timeline, record: this.record ?? null });
    return this.conclude();
  }

  // 1. The checkpoint is signed by a trusted key, and the file is of that log.
  async judgeCheckpoint() {
    const { log, checkpoint } = this.evidence;
    const trusted = await this.step("log.known", "checkpoint_malformed", () => trustNote(checkpoint, this.policy));
    if (trusted === null) {
      if (!this.checks.length) this.say("log.known", "unknown", "unknown_log");
      return null;
    }
    const named = log.vkey === trusted.log.vkey || (await isSignedBy(log.vkey, trusted.note));
    if (log.origin !== trusted.log.name || !named) {
      this.say("log.known", "failed", "log_misnamed");
      return null;
    }
    return this.judgeRetirement(trusted);
  }

  // 1., continued. What a retired key signed counts if somebody outside saw it before.
  async judgeRetirement(trusted) {
    const values = { log: trusted.checkpoint.origin, date: this.policy.retired.get(trusted.log.vkey) };
    if (values.date === undefined) return this.say("log.known", "passed", "log_known", values), trusted;
    const seen = (await this.seenOutside(trusted)).some((time) => time < values.date);
    if (seen) this.say("log.known", "passed", "log_known_then", values);
    else this.say("log.known", "unknown", "log_retired", values);
    return seen ? trusted : null;
  }

  /** When witnesses saw this very checkpoint; words that are not good count for nothing here. */
  async seenOutside(trusted) {
    const quiet = (work) => work().catch(() => null);
    const own = await quiet(async () => (await parseState(parseEntry(this.evidence.state.entry))).cosigner.vkey);
    const found = [];
    for (const { key } of this.independent(trusted)) {
      if (key.vkey !== own) found.push(await quiet(() => cosignedAt(key, trusted.note)));
    }
    for (const one of this.evidence.anchors) {
      found.push(await quiet(async () => (parseNote(one.checkpoint).text === trusted.note.text ? this.wordOf(one, null) : null)));
    }
    return found.filter((time) => time !== null);
  }

  /** The policy's witnesses without a key of the log's own: its name is the origin. */
  independent(trusted) {
    return this.policy.witnesses.filter(({ key }) => key.name !== trusted.checkpoint.origin);
  }

  // 2. Every entry of the file is in that log.
  async judgeEntries() {
    if (!this.trusted) return this.unjudged("log.entries");
    const entries = await this.step("log.entries", "entry_not_in_log", async () => {
      for (const one of this.evidence.entries) await this.proveEntry(one);
      return this.evidence.entries.map((one) => parseEntry(one.entry));
    });
    if (entries) this.say("log.entries", "passed", "entries_in_log");
    return entries;
  }

  // 3. The state commitment is the log's last entry.
  async judgeState() {
    if (!this.trusted) return this.unjudged("log.state");
    const state = await this.step("log.state", "state_wrong", async () => {
      await this.proveEntry(this.evidence.state);
      const found = await parseState(parseEntry(this.evidence.state.entry));
      const { index } = this.evidence.state;
      must(index === this.trusted.checkpoint.size - 1 && found.covered_size === index, "not the last entry");
      return found;
    });
    if (state) this.say("log.state", "passed", "state_is_last");
    return state;
  }

  async proveEntry(one) {
    const { size, root } = this.trusted.checkpoint;
    await proveInclusion(await leafHash(one.entry), one.index, size, one.proof, root);
  }

  // 4. Cosignatures by known keys are good; the quorum is met. Returns { witnesses, operator }, or null if there is no telling.
  async judgeCosignatures() {
    if (!this.state) return this.unjudged("log.cosignatures");
    const { policy, trusted, facts } = this;
    const found = await this.step("log.cosignatures", "cosignature_wrong", async () => {
      const witnesses = [];
      for (const { name, key } of this.independent(trusted)) {
        const time = counted(policy, key, await cosignedAt(key, trusted.note));
        if (time !== null) witnesses.push({ name, key, time });
      }
      const operator = counted(policy, this.state.cosigner, await cosignedAt(this.state.cosigner, trusted.note));
      return { witnesses, operator: counted(policy, trusted.log, operator) };
    });
    if (!found) return null;
    facts.witnesses = found.witnesses.map(({ name, time }) => ({ name, time }));
    const names = found.witnesses.map((one) => one.name);
    if (!satisfies(policy, names)) this.say("log.cosignatures", "unknown", "quorum_not_met");
    else if (names.length) this.say("log.cosignatures", "passed", "cosigned", { count: names.length });
    else this.say("log.cosignatures", "skipped", "no_witness");
    return found;
  }

  // 5. Anchored checkpoints are states of this log; witnesses' words on them are good. Those of authorities are not judged here.
  async judgeAnchors() {
    if (!this.entries) return this.unjudged("log.anchors");
    const { anchors, anchored_size } = this.evidence;
    try {
      const done = await this.step("log.anchors", "anchor_wrong", async () => {
        const sizes = [];
        for (const one of anchors) sizes.push(await this.proveAnchor(one));
        must(anchored_size === (sizes.length ? Math.max(...sizes) : null), "not the newest anchor");
        for (const one of anchors) await this.requireGoodLines(one);
        const words = [];
        for (const one of anchors) words.push(await this.countedWord(one));
        return anchors.map(({ kind, name, time }, at) => ({ kind, name, time: plainInstant(time), size: sizes[at], word: words[at] }));
      });
      if (!done) return;
      this.facts.anchors = done;
      this.anchored = done.filter((one) => one.word !== null);
    } catch (error) {
      if (!(error instanceof Misnamed)) throw error;
      return this.say("log.anchors", "unknown", "anchor_misnamed", { detail: error.message });
    }
    if (!this.anchored.length) return this.say("log.anchors", "skipped", anchors.length ? "anchors_unchecked" : "not_anchored");
    this.say("log.anchors", "passed", "anchored", { time: this.anchored.map((one) => one.word).reduce(lesser) });
  }

  async proveAnchor(one) {
    const found = await trustNote(one.checkpoint, this.policy);
    must(found && found.checkpoint.origin === this.trusted.checkpoint.origin, "of another log");
    const [first] = this.evidence.entries;
    const old = found.checkpoint;
    must(one.index === first.index, "of another entry");
    await proveInclusion(await leafHash(first.entry), one.index, old.size, one.proof, old.root);
    await proveConsistency(old, this.trusted.checkpoint, one.consistency);
    return old.size;
  }

  async requireGoodLines(one) {
    const note = parseNote(one.checkpoint);
    for (const { key } of this.policy.witnesses) await cosignedAt(key, note);
    if (this.state) await cosignedAt(this.state.cosigner, note);
  }

  /** The time of an anchor that counts; null as well if a key had signed its checkpoint that was retired by then. */
  async countedWord(one) {
    const time = await this.wordOf(one, this.state?.cosigner.vkey ?? null);
    const signed = time === null ? null : await trustNote(one.checkpoint, this.policy);
    return signed ? counted(this.policy, signed.log, time) : time;
  }

  /** The time that a witness of the policy vouches for; null if it names none, or the word is a time stamp. */
  async wordOf(one, operator) {
    const told = plainInstant(one.time);
    if (one.kind === "rfc3161") return null;
    const line = readToken(one.token);
    const note = { text: parseNote(one.checkpoint).text, lines: [line] };
    const { origin } = parseCheckpoint(note.text);
    const others = this.policy.witnesses.filter(({ key }) => key.name !== origin && key.vkey !== operator);
    for (const { name, key } of others) {
      const time = await cosignedAt(key, note);
      if (time === null) continue;
      if (![name, key.name, `${key.name}+${key.id}`].includes(one.name)) throw new Misnamed(`${one.name} is ${name} in the policy`);
      const kept = counted(this.policy, key, time);
      must(kept === null || kept === told, "an anchor of another time than its word");
      return kept;
    }
    const isCarried = [line.name, `${line.name}+${line.id}`].includes(one.name);
    must(isCarried || !others.some(({ name }) => name === one.name), `a cosignature that is not by ${one.name}`);
    return null;
  }

  // 6. The instant that the evidence speaks of reaches the one asked about. Returns it.
  judgeFreshness(cosigned) {
    const { now, at, maxAge } = this.asked;
    if (!cosigned) return this.unjudged("log.fresh");
    const said = [[this.witnessedAt(cosigned), "fresh_witnessed"]];
    if (this.policy.quorum === "none") said.push([cosigned.operator, "fresh_operator"]);
    const times = said.filter(([time]) => time !== null);
    if (!times.length) return this.say("log.fresh", "unknown", "no_time"), null;
    const needed = maxAge === null ? at : now - maxAge;
    const reaching = times.find(([time]) => needed === null || time >= needed);
    const [time, word] = reaching ?? times.reduce((one, other) => (other[0] > one[0] ? other : one));
    if (time > now + CLOCK_SKEW) return this.say("log.fresh", "unknown", "time_ahead"), null;
    const values = { instant: time, age: now - time };
    if (reaching) this.say("log.fresh", "passed", word, values);
    else this.say("log.fresh", "unknown", maxAge === null ? "ends_before" : "stale", values);
    return time;
  }

  /** The newest instant for which the quorum vouches; any witness, if there is none. */
  witnessedAt({ witnesses }) {
    const names = [];
    for (const { name, time } of witnesses.toSorted((one, other) => (one.time < other.time ? 1 : one.time > other.time ? -1 : 0))) {
      names.push(name);
      if (satisfies(this.policy, names)) return time;
    }
    return null;
  }

  // 7. The entries are this credential's whole history, in order.
  async judgeHistory() {
    if (!this.entries) return this.unjudged("status.history");
    const { evidence, entries } = this;
    const owner = await logId(evidence.credential);
    if (!evidence.part && entries[0].owner !== owner) return this.say("status.history", "failed", "history_other"), null;
    try {
      const timeline = await this.step("status.history", "history_broken", async () => {
        const read = evidence.part ? await readPart(entries, evidence.part, owner) : readTimeline(entries);
        must(this.rises(), "out of order");
        return read;
      });
      if (timeline) this.say("status.history", "passed", "history_whole");
      return timeline;
    } catch (error) {
      if (!(error instanceof UnknownEvent)) throw error;
      return this.say("status.history", "unknown", "history_unreadable"), null;
    }
  }

  rises() {
    const indexes = this.evidence.entries.map((one) => one.index);
    const inOrder = (some) => some.every((index, at) => at === 0 || some[at - 1] < index);
    if (!this.evidence.part) return inOrder(indexes.slice(0, -1));
    const size = sharedEntries(this.entries);
    return inOrder(indexes.slice(0, size)) && inOrder([indexes[0], ...indexes.slice(size, -2)]);
  }

  // 8. Its status bits are under the state commitment. 9. The history comes to those bits; else it is no ground for more.
  async judgeBits(timeline) {
    if (!this.state || !timeline) return this.unjudged("status.bits", "status.agreement");
    const { issued, origin } = timeline;
    const places = [[this.evidence.status, issued.status_block, issued.status_index]];
    if (origin) places.push([this.evidence.part.status, origin.made.status_block, origin.made.status_index]);
    const bits = await this.step("status.bits", "bits_not_proved", async () => {
      const found = [];
      for (const place of places) found.push(...(await this.readBits(...place)));
      return found;
    });
    if (!bits) return this.unjudged("status.agreement");
    this.say("status.bits", "passed", "bits_proved");
    const agrees = String(bits) === String(bitsOf(timeline));
    this.say("status.agreement", agrees ? "passed" : "failed", agrees ? "history_agrees" : "history_contradicts");
    return agrees ? timeline : null;
  }

  async readBits(status, block, index) {
    must(block >= 0 && index >= 0 && index < BLOCK_BITS, "no such status bit");
    const leaf = block * 16 + Math.floor(index / CHUNK_BITS);
    const found = [];
    for (const [one, root] of [
      [status.revocation, this.state.revocation_root],
      [status.suspension, this.state.suspension_root],
    ]) {
      must(one.leaf === leaf, "another chunk");
      await proveInclusion(await leafHash(one.chunk), leaf, this.state.status_lists * 16, one.proof, root);
      const within = index % CHUNK_BITS;
      found.push(Boolean((one.chunk[within >> 3] >> (7 - (within & 7))) & 1));
    }
    return found;
  }

  // 10. The issuer's record is under the state commitment; the key of the signature was in use and not stolen; the issuer was
  // entitled.
  async judgeIssuer(timeline, cosigned) {
    const rest = ["issuer.key", "issuer.compromise", "issuer.accreditation"];
    if (!this.state || !timeline) return this.unjudged("issuer.known", ...rest);
    const proved = this.evidence.directory;
    const record = await this.step("issuer.known", "issuer_not_proved", async () => {
      const { directory_size, directory_root } = this.state;
      await proveInclusion(await leafHash(proved.record), proved.leaf, directory_size, proved.proof, directory_root);
      return parseRecord(proved.record);
    });
    if (!record) return this.unjudged(...rest);
    if (record.number !== proved.leaf || record.institution !== timeline.issued.institution) {
      this.say("issuer.known", "failed", "issuer_other");
      return this.unjudged(...rest);
    }
    this.record = record;
    this.say("issuer.known", "passed", "issuer_proved", { issuer: record.name });
    this.judgeKey(timeline, record, cosigned);
    this.judgeAccreditation(timeline, record);
  }

  judgeKey(timeline, record, cosigned) {
    const signings = [timeline.issued, ...timeline.changes.filter((event) => event.kind === "reissued")].reverse();
    const newest = signings.reduce((one, other) => (other.recorded_at > one ? other.recorded_at : one), 0n);
    const judged = signings.map((one) => judgeSigning(one, record, newest, cosigned && this.seen(one, cosigned)));
    const [key, compromise] = judged.find((two) => two.every(([state]) => state === "passed")) ?? judged[0];
    this.say("issuer.key", ...key);
    this.say("issuer.compromise", ...compromise);
  }

  /** When somebody outside saw a signature's entry in the log. The operator's word is not among it. */
  seen(signing, { witnesses }) {
    const { index } = this.evidence.entries[signing.version - 1];
    const anchored = this.anchored.filter((one) => one.size > index).map((one) => one.word);
    return [...anchored, ...witnesses.filter(({ key }) => key.vkey !== this.state.cosigner.vkey).map((one) => one.time)];
  }

  judgeAccreditation(timeline, record) {
    const code = "issuer.accreditation";
    if (!record.accreditations.length) return this.say(code, "skipped", "no_accreditation");
    const subject = timeline.edition && subjectOf(timeline.edition, record);
    const { valid_from, recorded_at } = timeline.issued;
    const then = record.accreditations.filter((one) => covers(one, valid_from));
    if (!then.length) return this.say(code, "failed", "not_accredited");
    const entitling = then.filter((one) => fit(one.limits, subject) === "within");
    if (!entitling.length) {
      const unstated = then.some((one) => fit(one.limits, subject) === "unstated");
      return unstated ? this.say(code, "unknown", "entitlement_unstated") : this.say(code, "failed", "not_entitled");
    }
    const still = record.accreditations.some((one) => covers(one, recorded_at) && fit(one.limits, subject) === "within");
    if (!still) return this.say(code, "unknown", "recorded_unaccredited");
    return this.say(code, "passed", entitling[0].limits && subject ? "entitled" : "accredited", { by: entitling[0].by });
  }

  // 11. It is awarded for an edition that its issuer published; a part is a module of its programme.
  judgeAchievement(timeline) {
    if (!timeline) return this.unjudged("genuine.achievement");
    const { issued, edition, origin } = timeline;
    if (!edition || issued.kind === "attested") return this.say("genuine.achievement", "skipped", "no_achievement");
    const agrees =
      edition.entry.owner === issued.achievement &&
      edition.edition === issued.edition &&
      edition.entry.version === BigInt(issued.edition) &&
      edition.institution === issued.institution;
    const values = { title: edition.template.title };
    this.say("genuine.achievement", agrees ? "passed" : "failed", agrees ? "achievement_agrees" : "achievement_differs", values);
    if (origin) this.judgeOrigin(origin, edition);
  }

  judgeOrigin({ made, programme, credits_centi }, edition) {
    const module = programme.curriculum.modules.find((one) => one.achievement === edition.code);
    const agrees =
      programme.entry.owner === made.programme &&
      programme.edition === made.edition &&
      programme.entry.version === BigInt(made.edition) &&
      programme.institution === made.institution &&
      module?.edition === edition.edition &&
      module.credits_centi === credits_centi &&
      edition.template.credits_centi === credits_centi;
    const values = { title: programme.curriculum.title };
    this.say("genuine.origin", agrees ? "passed" : "failed", agrees ? "origin_agrees" : "origin_differs", values);
  }

  // 12. Not revoked nor replaced. 13. Not suspended. 15., 16. In force. 17. Of a stack, no open review.
  judgeStatus(timeline, asOf) {
    const codes = ["status.revocation", "status.suspension", "dates.valid_from", "dates.valid_until"];
    if (timeline?.changes.some((event) => event.kind === "stacked")) codes.push("stack.components");
    if (!timeline || asOf === null) return this.unjudged(...codes);
    const { valid_from, valid_until } = timeline.issued;
    const ended = endOf(timeline);
    const why = ended && { date: ended.effective_at, why: ended.reason };
    if (!ended) this.say(codes[0], "passed", "not_revoked");
    else if (ended.effective_at <= asOf) this.say(codes[0], "failed", ended.kind, why);
    else this.say(codes[0], "passed", "revoked_later", why);
    const held = suspendedAt(timeline, asOf);
    if (held) this.say(codes[1], "failed", "suspended", { date: held.effective_at, why: held.reason });
    else this.say(codes[1], "passed", "not_suspended");
    const begun = valid_from <= asOf;
    this.say(codes[2], begun ? "passed" : "failed", begun ? "begun" : "not_yet_valid", { date: valid_from });
    const over = valid_until !== null && asOf > valid_until;
    if (over) this.say(codes[3], "failed", "expired", { date: valid_until });
    else this.say(codes[3], "passed", valid_until === null ? "no_expiry" : "not_expired", { date: valid_until });
    if (codes[4]) this.judgeReview(timeline, asOf);
  }

  judgeReview(timeline, asOf) {
    const reviews = timeline.changes.filter((event) => /^review_/.test(event.kind) && event.recorded_at <= asOf);
    const open = reviews.at(-1)?.kind === "review_opened" ? reviews.at(-1) : null;
    if (open) this.say("stack.components", "unknown", "stack_in_review", { date: open.due_at });
    else this.say("stack.components", "skipped", "stack_not_shown");
  }

  // 18. The verdict follows from the checks; the reason from the one that decided.
  conclude() {
    const { checks, facts, asked } = this;
    const has = (state) => checks.some((check) => check.state === state);
    const verdict = has("failed") ? "invalid" : has("unknown") ? "unknown" : "valid";
    const state = { invalid: "failed", unknown: "unknown" }[verdict];
    const decided = checks.filter((check) => check.state === state && check.reason !== "not_judged");
    decided.sort((one, other) => DECIDING.indexOf(one.code) - DECIDING.indexOf(other.code));
    const isLive = asked.at === null && asked.maxAge !== null;
    const found = verdict === "valid" ? { reason: isLive ? "valid_record" : "valid_record_as_of" } : (decided[0] ?? { reason: "not_judged" });
    return { verdict, reason: found.reason, values: { as_of: facts.asOf, ...found.values }, checks, facts };
  }
}

async function isSignedBy(vkey, note) {
  try {
    return (await linesBy(await parseVkey(vkey, 1), note)).length > 0;
  } catch (error) {
    if (error instanceof Wrong) return false;
    throw error;
  }
}

/** Both checks on one signature: was the key in use, and was it stolen? Then an outside word has to be older than the theft. */
function judgeSigning(signing, record, newest, seen) {
  const key = record.keys.find((one) => one.key_id === signing.key_id);
  const used = signing.recorded_at;
  if (!key) return [["failed", "key_unknown"], ["unknown", "not_judged"]];
  let use = ["passed", "key_valid"];
  if (used < key.valid_from) use = ["failed", "key_not_yet_valid"];
  else if (key.revoked_at !== null && used >= key.revoked_at) use = ["failed", "key_revoked", { date: key.revoked_at }];
  else if (key.retired_at !== null && used > key.retired_at) use = ["failed", "key_retired", { date: key.retired_at }];
  if (!seen) return [use, ["unknown", "not_judged"]];
  if (key.compromised_at === null) return [use, ["passed", "key_safe"]];
  if (seen.some((time) => time < key.compromised_at)) return [use, ["passed", "compromised_later"]];
  return [use, newest > used ? ["unknown", "signed_anew", { date: newest }] : ["unknown", "key_compromised"]];
}

/** The instant to judge. A revocation that the file shows is never judged as of the instant just before it. */
function asOfInstant({ now, at, maxAge }, spoken, timeline) {
  if (at !== null) return at;
  const told = maxAge === null ? spoken : now;
  if (told === null) return null;
  const reached = told < now ? told : now;
  const learned = timeline ? [timeline.issued, ...timeline.changes, ...timeline.shared].map((event) => event.recorded_at) : [];
  return learned.reduce((one, other) => (one > other ? one : other), reached);
}

async function parseState(entry) {
  must(entry.topic === "log.state_committed.v1" && /^0{32}$/.test(entry.owner), "no state commitment");
  const roots = { revocation: hexHash, suspension: hexHash };
  const fields = { version: int, covered_size: count, status_lists: count, status_roots: shape(roots) };
  const more = { directory_size: count, directory_root: hexHash, cosigner: text };
  must(entry.body.length <= 4_096, "too long");
  const read = shape({ ...fields, ...more })(parseJson(entry.body, 4_096));
  // Written again in its one order, it has to be the same bytes.
  const order = [...Object.keys(fields), ...Object.keys(more)];
  const written = JSON.stringify(Object.fromEntries(order.map((name) => [name, read[name]])));
  must(read.version === 1 && same(utf8(written), entry.body), "not in its one form");
  must(BigInt(read.covered_size) === entry.version, "of another size");
  return {
    ...read,
    revocation_root: unhex(read.status_roots.revocation),
    suspension_root: unhex(read.status_roots.suspension),
    directory_root: unhex(read.directory_root),
    cosigner: await parseVkey(read.cosigner, 4),
  };
}
