// How many credentials a second of processor time `@digitalbazaar/vc` verifies: node bench.mjs FILE SECONDS
//
// FILE is what `cairn bench --proofs` wrote. The key and all contexts are in memory; nothing is asked for.
import * as eddsaJcs from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {cryptosuite as eddsaRdfc} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import {readFileSync} from 'node:fs';

const {credentials, contexts, method, key, now} = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const seconds = Number(process.argv[3]);
const [controller] = method.split('#');
const keyDocument = {
  '@context': 'https://w3id.org/security/multikey/v1', id: method, type: 'Multikey', controller, publicKeyMultibase: key
};
const served = new Map([...Object.entries(contexts), [method, keyDocument], [controller, {
  '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'], id: controller,
  assertionMethod: [method], verificationMethod: [keyDocument]
}]]);

async function documentLoader(address) {
  if(!served.has(address)) {
    throw new Error(`not served: ${address}`);
  }
  return {contextUrl: null, documentUrl: address, document: served.get(address), tag: 'static'};
}

async function verifyAll(list, cryptosuite) {
  for(const credential of list) {
    const suite = new DataIntegrityProof({cryptosuite});
    const result = await vc.verifyCredential({credential, suite, documentLoader, now});
    if(!result.verified) {
      throw result.error;
    }
  }
}

const used = () => { const {user, system} = process.cpuUsage(); return (user + system) / 1e6; };
const figures = {};
for(const [name, list] of Object.entries(credentials)) {
  const cryptosuite = name === 'eddsa-jcs-2022' ? eddsaJcs.createVerifyCryptosuite() : eddsaRdfc;
  for(let warm = 0; warm < 5; warm++) {
    await verifyAll(list, cryptosuite);
  }
  const begin = used();
  let done = 0;
  while(used() - begin < seconds) {
    await verifyAll(list, cryptosuite);
    done += list.length;
  }
  figures[name] = done / (used() - begin);
}
process.stdout.write(JSON.stringify(figures) + '\n');
