// The certified OpenID provider on loopback, cut down to what the interop tests ask of it.
// All of it lives in memory: the keys are new at every start and nothing is written to disk.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider, { errors } from 'oidc-provider';

const ISSUER = `http://127.0.0.1:${process.env.PORT}`;
const CALLBACK = `${ISSUER}/control/callback`;
const API = 'https://api.example.com';
const OTHER_API = 'https://other.example.com';
const SCOPES = 'read write';
const GROUPS = { alice: ['admins', 'staff'], bob: ['staff'] };
const PUBLISHED_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const SHORT_LIFE = 4; // seconds: the tests wait it out, since nobody can move the clock of a real server

function newKey(alg) {
  const { privateKey } = {
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
  }[alg]?.() ?? generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg, use: 'sig' };
}

// A client named after an algorithm gets its tokens signed with it: the audience stays the same for all of them.
function signing({ clientId }) {
  if (clientId === 'HS256') return { alg: 'HS256', key: Buffer.alloc(32, 'shared with the API, if it were so unwise') };
  return { alg: PUBLISHED_ALGORITHMS.includes(clientId) ? clientId : 'RS256' };
}

function resourceServer(ctx, resource, client) {
  if (![API, OTHER_API].includes(resource)) throw new errors.InvalidTarget();
  return { audience: resource, scope: SCOPES, accessTokenFormat: 'jwt', jwt: { sign: signing(client) } };
}

// Nobody sits in front of the browser: whoever logs in has consented.
async function impliedGrant({ oidc }) {
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
  grant.addOIDCScope('openid');
  grant.addResourceScope(API, SCOPES);
  await grant.save();
  return grant;
}

const machine = (client_id) => ({
  client_id,
  client_secret: 'secret',
  token_endpoint_auth_method: 'client_secret_post',
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
});
const forUsers = (client_id) => ({
  ...machine(client_id),
  grant_types: ['authorization_code'],
  response_types: ['code'],
  redirect_uris: [CALLBACK],
});

const configuration = {
  clients: [
    ...[...PUBLISHED_ALGORITHMS, 'HS256', 'short-lived'].map(machine),
    forUsers('web'),
    forUsers(API), // some deployments register the API itself: the audience of its ID tokens is then the API's own
  ],
  cookies: { keys: ['interop'] },
  findAccount: (ctx, id) => GROUPS[id] && { accountId: id, claims: () => ({ sub: id }) },
  extraTokenClaims: (ctx, token) => ({ groups: GROUPS[token.accountId] }), // no standard claim, yet what most servers do
  loadExistingGrant: impliedGrant,
  ttl: {
    AccessToken: 600,
    ClientCredentials: (ctx, token, client) => (client.clientId === 'short-lived' ? SHORT_LIFE : 600),
    Grant: 600,
    IdToken: 600,
    Interaction: 600,
    Session: 600,
  },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
  },
};

let keys = [];
let answer;
let jwksHits = 0;

// The provider takes its keys once, when it is made: new keys are a new provider behind the same door.
// It signs with the first key that fits, so the new ones go in front of the old.
function rotate({ dropOld }) {
  keys = [...PUBLISHED_ALGORITHMS.map(newKey), ...(dropOld ? [] : keys)];
  answer = new Provider(ISSUER, { ...configuration, jwks: { keys } }).callback();
}

const control = {
  '/control/rotate': (query) => rotate({ dropOld: query.has('drop') }),
  '/control/jwks-hits': () => jwksHits,
  '/control/callback': () => null, // where a login ends: the code is in the URL, and the test reads it there
};

rotate({ dropOld: true });
createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, ISSUER);
  if (pathname === '/jwks') jwksHits += 1;
  if (!(pathname in control)) return answer(request, response);
  return response.end(JSON.stringify(control[pathname](searchParams) ?? null));
}).listen(Number(process.env.PORT), '127.0.0.1');
