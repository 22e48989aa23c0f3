// Writes codes, access tokens and refresh tokens through the provider's own models and prints them as JSON.
// node seed.mjs --codes N --access-tokens M --refresh-tokens K [--kind plain|openid]…; the shape is in bench/run.py.
import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

import { openStorage } from './adapters.mjs';
import { CLIENT, REDIRECT_URI, SCOPE, createProvider } from './provider.mjs';

const SCOPES = { plain: 'phone offline_access', openid: 'openid phone offline_access' };

const { values: options } = parseArgs({
  options: {
    codes: { type: 'string', default: '0' },
    'access-tokens': { type: 'string', default: '0' },
    'refresh-tokens': { type: 'string', default: '0' },
    kind: { type: 'string', multiple: true, default: ['plain', 'openid'] },
  },
});

const storage = await openStorage();
const provider = createProvider('http://127.0.0.1', storage.Adapter);
const client = await provider.Client.find(CLIENT.client_id);

async function tokenSource(scope) {
  const accountId = randomBytes(12).toString('hex');
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  return { accountId, client, grantId, scope, authTime: Math.floor(Date.now() / 1000), gty: 'authorization_code' };
}

async function code(scope) {
  const verifier = randomBytes(32).toString('base64url');
  const source = { ...await tokenSource(scope), redirectUri: REDIRECT_URI, codeChallengeMethod: 'S256' };
  source.codeChallenge = createHash('sha256').update(verifier).digest('base64url');
  return { code: await new provider.AuthorizationCode(source).save(), code_verifier: verifier };
}

async function accessToken(scope) {
  return new provider.AccessToken(await tokenSource(scope)).save();
}

async function refreshToken(scope) {
  return new provider.RefreshToken({ ...await tokenSource(scope), rotations: 0 }).save();
}

// 20 at a time, which is the size of the PostgreSQL pool.
async function many(count, make) {
  const made = [];
  while (made.length < count) {
    const batch = Math.min(20, count - made.length);
    made.push(...await Promise.all(Array.from({ length: batch }, make)));
  }
  return made;
}

const families = {};
let accessTokens = [];
await storage.bulk(async () => {
  for (const kind of options.kind) {
    families[kind] = {
      ...CLIENT,
      redirect_uri: REDIRECT_URI,
      codes: await many(Number(options.codes), () => code(SCOPES[kind])),
      refresh_tokens: await many(Number(options['refresh-tokens']), () => refreshToken(SCOPES[kind])),
    };
  }
  accessTokens = await many(Number(options['access-tokens']), () => accessToken(SCOPES.openid));
});
console.log(JSON.stringify({ service: { ...CLIENT, scope: SCOPE }, ...families, access_tokens: accessTokens }));
await storage.close();
