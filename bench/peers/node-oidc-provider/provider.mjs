// The provider both the server and the seeding use.
import { generateKeyPairSync } from 'node:crypto';

import { Provider } from 'oidc-provider';

export const REDIRECT_URI = 'https://client.example/callback';
export const CLIENT = { client_id: 'bench-client', client_secret: 'bench-secret-0123456789abcdefghijklmnopqrstuv' };
export const SCOPE = 'things.read';

export function createProvider(issuer, Adapter) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signing = { ...privateKey.export({ format: 'jwk' }), kid: 'bench-rs256', use: 'sig', alg: 'RS256' };
  return new Provider(issuer, {
    adapter: Adapter,
    jwks: { keys: [signing] },
    cookies: { keys: ['bench'] },
    clients: [{
      ...CLIENT,
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
      scope: `openid offline_access phone ${SCOPE}`,
    }],
    scopes: ['openid', 'offline_access', 'phone', SCOPE],
    claims: { openid: ['sub'], phone: ['phone_number', 'phone_number_verified'] },
    findAccount: (ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, phone_number: '+4670000000', phone_number_verified: true }),
    }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      ClientCredentials: 3600,
      Grant: 365 * 24 * 3600,
      IdToken: 600,
      RefreshToken: 60 * 24 * 3600,
    },
  });
}
