// Answers questions on standard input, one JSON object a line, with what other implementations say; one line each.
//
//   {"contexts": {address: context}}                 contexts to answer with from now on
//   {"canonize": document}                           {"nquads": ...} by jsonld in safe mode
//   {"dataset": nquads}                              {"nquads": ...} by rdf-canonize
//   {"verify": document, "suite": ..., "key": multikey, "method": ..., "now": ...}   {"verified": ...}
//   {"sign": document, "suite": ..., "key": pair, "date": ...}                       {"signed": ...}
import * as readline from 'node:readline';
import * as ecdsaMultikey from '@digitalbazaar/ecdsa-multikey';
import * as ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import * as eddsaJcs from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {cryptosuite as ecdsaRdfc} from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite';
import {cryptosuite as eddsaRdfc} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import {NQuads, canonize} from 'rdf-canonize';
import jsonld from 'jsonld';

const served = new Map();

async function documentLoader(address) {
  if(!served.has(address)) {
    throw new Error(`not served: ${address}`);
  }
  return {contextUrl: null, documentUrl: address, document: served.get(address), tag: 'static'};
}

function suiteFor(name, signing) {
  if(name === 'eddsa-jcs-2022') {
    return signing ? eddsaJcs.createSignCryptosuite() : eddsaJcs.createVerifyCryptosuite();
  }
  return {'eddsa-rdfc-2022': eddsaRdfc, 'ecdsa-rdfc-2019': ecdsaRdfc}[name];
}

async function verify({verify: credential, suite: name, key, method, now}) {
  const controller = method.split('#')[0];
  served.set(method, {
    '@context': 'https://w3id.org/security/multikey/v1', id: method, type: 'Multikey', controller,
    publicKeyMultibase: key
  });
  served.set(controller, {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: controller, assertionMethod: [method], verificationMethod: [served.get(method)]
  });
  const suite = new DataIntegrityProof({cryptosuite: suiteFor(name, false)});
  const result = await vc.verifyCredential({
    credential, suite, documentLoader, now, checkStatus: async () => ({verified: true})
  });
  return {verified: result.verified, why: result.error && JSON.stringify(result.error, Object.getOwnPropertyNames(
    result.error.errors ? result.error.errors[0] : result.error))};
}

async function sign({sign: credential, suite: name, key, date}) {
  const library = name.startsWith('eddsa') ? ed25519Multikey : ecdsaMultikey;
  const pair = await library.from(key);
  const suite = new DataIntegrityProof({signer: pair.signer(), cryptosuite: suiteFor(name, true), date});
  return {signed: await vc.issue({credential, suite, documentLoader})};
}

async function answer(question) {
  if(question.contexts) {
    Object.entries(question.contexts).forEach(([address, context]) => served.set(address, context));
    return {served: served.size};
  }
  if(question.canonize) {
    return {nquads: await jsonld.canonize(question.canonize, {
      algorithm: 'RDFC-1.0', format: 'application/n-quads', safe: true, base: null, documentLoader
    })};
  }
  if(typeof question.dataset === 'string') {
    return {nquads: await canonize(NQuads.parse(question.dataset), {algorithm: 'RDFC-1.0', maxWorkFactor: 8})};
  }
  return question.verify ? verify(question) : sign(question);
}

for await (const line of readline.createInterface({input: process.stdin})) {
  let said;
  try {
    said = await answer(JSON.parse(line));
  } catch(error) {
    said = {error: String(error.details?.cause ?? error.message ?? error).slice(0, 300)};
  }
  process.stdout.write(JSON.stringify(said) + '\n');
}
