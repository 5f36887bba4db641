// The certified OpenID provider on loopback, cut down to what the interop tests ask of it.
// All of it lives in memory: the keys are new at every start and nothing is written to disk.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import Provider, { errors } from 'oidc-provider';
import registered from './clients.mjs';

const { PORT, TLS_PORT, TLS_KEY, TLS_CERTIFICATE, API_JWKS } = process.env;
const ISSUER = `http://127.0.0.1:${PORT}`;
const TLS_ORIGIN = `https://127.0.0.1:${TLS_PORT}`;
const CALLBACK = `${ISSUER}/control/callback`;
const API = 'https://api.example.com';
const FORMATS = {
  [API]: 'jwt',
  'https://other.example.com': 'jwt',
  'urn:api:opaque': 'opaque',
  'urn:api:other-opaque': 'opaque',
};
const SCOPES = 'read write';
const GROUPS = { alice: ['admins', 'staff'], bob: ['staff'], carol: ['staff'] };
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
  if (!(resource in FORMATS)) throw new errors.InvalidTarget();
  return { audience: resource, scope: SCOPES, accessTokenFormat: FORMATS[resource], jwt: { sign: signing(client) } };
}

function claimsOf(id, use) {
  if (id === 'carol' && use === 'userinfo') throw new Error('the record of this user is broken'); // it is a 500
  return { sub: id, groups: GROUPS[id] };
}

// No standard claim, yet what most servers do. A token for no resource at all gets none: its groups are at userinfo.
function groupsInToken(ctx, { aud, accountId }) {
  return aud && { groups: GROUPS[accountId] };
}

// Nobody sits in front of the browser: whoever logs in has consented.
async function impliedGrant({ oidc }) {
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
  grant.addOIDCScope(`openid groups ${SCOPES}`);
  for (const resource of Object.keys(FORMATS)) grant.addResourceScope(resource, SCOPES);
  await grant.save();
  return grant;
}

const short = (ctx, token, client) => (client.clientId === 'short-lived' ? SHORT_LIFE : 600);

const configuration = {
  clients: registered({
    machines: [...PUBLISHED_ALGORITHMS, 'HS256', 'short-lived'],
    applications: ['web', API], // some deployments register the API itself: its ID tokens then have its audience
    callback: CALLBACK,
    jwks: JSON.parse(API_JWKS),
  }),
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'self_signed_tls_client_auth',
    'none',
  ],
  cookies: { keys: ['interop'] },
  scopes: SCOPES.split(' '),
  claims: { openid: ['sub'], groups: ['groups'] },
  discovery: { mtls_endpoint_aliases: { introspection_endpoint: `${TLS_ORIGIN}/token/introspection` } },
  findAccount: (ctx, id) => GROUPS[id] && { accountId: id, claims: (use) => claimsOf(id, use) },
  extraTokenClaims: groupsInToken,
  loadExistingGrant: impliedGrant,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: {
    AccessToken: 600,
    ClientCredentials: short,
    Grant: 600,
    IdToken: 600,
    Interaction: 600,
    RefreshToken: 600,
    Session: 600,
  },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    mTLS: {
      enabled: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
    },
    resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    revocation: { enabled: true },
  },
};

let keys = [];
let answer;
let jwksHits = 0;
let introspectionHits = 0;
let introspectionFault = null;

// What stands in front of a server that is unwell: a proxy's error page, a login page, a server of few words.
const FAULTS = {
  '500': [500, 'text/plain', 'Internal Server Error'],
  html: [200, 'text/html', '<!doctype html><title>Log in</title>'],
};

// The provider takes its keys once, when it is made: new keys are a new provider behind the same door.
// It signs with the first key that fits, so the new ones go in front of the old.
function rotate({ dropOld }) {
  keys = [...PUBLISHED_ALGORITHMS.map(newKey), ...(dropOld ? [] : keys)];
  answer = new Provider(ISSUER, { ...configuration, jwks: { keys } }).callback();
}

const control = {
  '/control/rotate': (query) => rotate({ dropOld: query.has('drop') }),
  '/control/jwks-hits': () => jwksHits,
  '/control/introspection-hits': () => introspectionHits,
  '/control/introspection': (query) => { introspectionFault = FAULTS[query.get('fault')]; },
  '/control/callback': () => null, // where a login ends: the code is in the URL, and the test reads it there
};

function introspect(request, response) {
  introspectionHits += 1;
  if (!introspectionFault) return answer(request, response);
  const [status, type, body] = introspectionFault;
  return response.writeHead(status, { 'Content-Type': type }).end(body);
}

function handle(request, response) {
  const { pathname, searchParams } = new URL(request.url, ISSUER);
  if (pathname === '/jwks') jwksHits += 1;
  if (pathname === '/token/introspection') return introspect(request, response);
  if (!(pathname in control)) return answer(request, response);
  return response.end(JSON.stringify(control[pathname](searchParams) ?? null));
}

rotate({ dropOld: true });
createServer(handle).listen(Number(PORT), '127.0.0.1');
// RFC 8705 section 2.2: the certificate is compared with the registered one, so nobody has to have signed it.
createTLSServer(
  { key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERTIFICATE), requestCert: true, rejectUnauthorized: false },
  handle,
).listen(Number(TLS_PORT), '127.0.0.1');
