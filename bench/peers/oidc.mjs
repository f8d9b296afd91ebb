// An authorization server with oidc-provider: `client_credentials` for clients that it is told of, access tokens that are
// JWTs signed with Ed25519 (RFC 9068), everything in memory. Nothing is logged or audited.

import { exportJWK, generateKeyPair } from 'jose'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import { told } from './told.mjs'

const { clients, scope, resource, seconds } = await told()
const server = createServer()
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
const signing = { ...(await exportJWK(privateKey)), kid: 'signing', alg: 'EdDSA', use: 'sig' }
const wallet = {
  scope,
  audience: resource,
  accessTokenTTL: seconds,
  accessTokenFormat: 'jwt',
  jwt: { sign: { alg: 'EdDSA' } },
}
const provider = new Provider(issuer, {
  jwks: { keys: [signing] },
  scopes: scope.split(' '),
  clients: clients.map(({ id, secret, jwks }) => ({
    client_id: id,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'EdDSA',
    ...(secret
      ? { client_secret: secret, token_endpoint_auth_method: 'client_secret_post' }
      : { jwks, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'EdDSA' }),
  })),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => wallet,
    },
  },
})
server.on('request', provider.callback())
console.log(`listening on ${issuer}`)
