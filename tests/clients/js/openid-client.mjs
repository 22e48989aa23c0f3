// A relying party by openid-client: prints the authorization URL, reads the callback URL, then goes through all that a
// server does with a grant, and prints what it got as JSON.
import { createInterface } from 'node:readline/promises'
import * as client from 'openid-client'

const { issuer, id, secret, redirectUri, scope, afterLogout, pkce } = JSON.parse(process.argv[2])
const authentication = secret ? client.ClientSecretBasic(secret) : client.None()
const config = await client.discovery(new URL(issuer), id, undefined, authentication, {
  execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
})
const verifier = pkce ? client.randomPKCECodeVerifier() : undefined
const state = client.randomState()
const oidc = scope.split(' ').includes('openid')
const nonce = oidc ? client.randomNonce() : undefined
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope,
  state,
  ...(nonce && { nonce }),
  ...(verifier && {
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }),
})
console.log(url.href)

const lines = createInterface({ input: process.stdin })
const callback = (await lines[Symbol.asyncIterator]().next()).value
lines.close()
const tokens = await client.authorizationCodeGrant(config, new URL(callback), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  ...(nonce && { expectedNonce: nonce, idTokenExpected: true }),
})
const claims = tokens.claims()
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims?.sub ?? client.skipSubjectCheck)
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
const introspected = secret ? await client.tokenIntrospection(config, renewed.access_token) : null
await client.tokenRevocation(config, renewed.refresh_token)
let afterRevocation = 'alive'
try {
  await client.refreshTokenGrant(config, renewed.refresh_token)
} catch (error) {
  afterRevocation = error.error
}
const logout = oidc
  ? client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: afterLogout,
      state: 'bye',
    }).href
  : null
console.log(
  JSON.stringify({
    tokens: { ...tokens },
    claims: claims ?? null,
    userinfo,
    renewed: { ...renewed },
    introspected,
    afterRevocation,
    logout,
  }),
)
