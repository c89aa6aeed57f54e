// Verifies credentials as those do who use these libraries; one JSON object a line in, one a line out.
//
//   {"server": address, "contexts": {address: context}}    whose DID resolver and contexts to use from now on
//   {"vc": credential}              {"verified", "status", "error"} by @digitalbazaar/vc, the status list fetched and checked
//   {"core": credential}            {"log", "errors"} by @digitalcredentials/verifier-core, which fetches all by itself
import * as readline from 'node:readline';
import * as eddsaJcs from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';
import {cryptosuite as ecdsaRdfc} from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite';
import {cryptosuite as eddsaRdfc} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import {verifyCredential} from '@digitalcredentials/verifier-core';

console.log = console.error; // what a library has to say must not stand among the answers

const fetchAnything = globalThis.fetch;
// A schema that one of them looks for on the network is not to be had; nothing here goes beyond this machine.
globalThis.fetch = async (address, ...options) => {
  if(new URL(address.url ?? address).hostname !== 'localhost') {
    throw new Error(`not to be fetched: ${address.url ?? address}`);
  }
  return fetchAnything(address, ...options);
};

const known = new Map();
let server;

async function fetched(address, accept) {
  const answer = await fetch(address, {headers: {Accept: accept}});
  if(!answer.ok) {
    throw new Error(`${answer.status} for ${address}`);
  }
  return answer.json();
}

async function documentLoader(address) {
  return {contextUrl: null, documentUrl: address, document: await loaded(address)};
}

async function loaded(address) {
  if(known.has(address)) {
    return known.get(address);
  }
  if(address.startsWith('did:')) {
    const [did, fragment] = address.split('#');
    const profile = 'application/ld+json;profile="https://w3id.org/did-resolution"';
    const {didDocument} = await fetched(`${server}/1.0/identifiers/${encodeURIComponent(did)}`, profile);
    if(!fragment) {
      return didDocument;
    }
    const method = didDocument.verificationMethod.find(one => one.id === address);
    return {'@context': 'https://w3id.org/security/multikey/v1', ...method};
  }
  if(address.startsWith(`${server}/`)) {
    return fetched(address, 'application/vc, application/json');
  }
  throw new Error(`not to be fetched: ${address}`);
}

function suites() {
  return [eddsaRdfc, eddsaJcs.createVerifyCryptosuite(), ecdsaRdfc]
    .map(cryptosuite => new DataIntegrityProof({cryptosuite}));
}

async function verifyWithVc(credential) {
  const suite = suites();
  const result = await vc.verifyCredential({
    credential, suite, documentLoader,
    checkStatus: options => checkStatus({...options, suite, documentLoader, verifyMatchingIssuers: true})
  });
  const errors = (result.error?.errors ?? [result.error]).filter(one => one).map(String);
  const cause = result.statusResult?.error;
  return {
    verified: result.verified,
    status: result.statusResult?.results?.map(({credentialStatus, status}) =>
      ({purpose: credentialStatus.statusPurpose, status})) ?? null,
    error: [...errors, ...(cause ? [`${cause} ${cause.cause ?? ''}`] : [])].join('; ') || null
  };
}

async function verifyWithCore(credential) {
  const {log, errors} = await verifyCredential({credential, knownDIDRegistries: []});
  return {log: log ?? null, errors: errors?.map(({name, message}) => ({name, message})) ?? null};
}

async function answer(question) {
  if(question.server) {
    server = question.server;
    Object.entries(question.contexts).forEach(([address, context]) => known.set(address, context));
    return {};
  }
  return question.vc ? verifyWithVc(question.vc) : verifyWithCore(question.core);
}

for await (const line of readline.createInterface({input: process.stdin})) {
  let said;
  try {
    said = await answer(JSON.parse(line));
  } catch(error) {
    said = {error: String(error)};
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
