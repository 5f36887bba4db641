// Who is registered at the provider: machines and people's applications that get tokens, and APIs that ask about them.

const machine = (client_id) => ({
  client_id,
  client_secret: 'secret',
  token_endpoint_auth_method: 'client_secret_post',
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
});

const forUsers = (client_id, callback) => ({
  ...machine(client_id),
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  redirect_uris: [callback],
});

// An API gets no tokens: it only asks. Each is named after the way in which it authenticates.
const api = (method, how) => ({ client_id: method, token_endpoint_auth_method: method, grant_types: [], response_types: [], redirect_uris: [], ...how });

const secret = { client_secret: 'secret of the API' };

export default ({ machines, applications, callback, jwks }) => [
  ...machines.map(machine),
  ...applications.map((client_id) => forUsers(client_id, callback)),
  api('client_secret_basic', secret),
  api('client_secret_post', secret),
  api('private_key_jwt', { jwks, token_endpoint_auth_signing_alg: 'RS256' }),
  api('self_signed_tls_client_auth', { jwks }),
  api('none'),
  // RFC 6749 section 2.3.1: such credentials mean something else once they are not form-encoded.
  api('client_secret_basic', { client_id: 'sp:ec/ial&client', client_secret: 'p%:/ +&=s' }),
];
