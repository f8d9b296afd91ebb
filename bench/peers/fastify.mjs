// One authenticated read with Fastify: a bearer that is an API key (found by its SHA-256) or an access token (verified by
// jose each time), its scope, a rate limit in memory for each of them, and an agent as JSON. Nothing is logged or audited.

import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { createHash } from 'node:crypto'
import { told } from './told.mjs'

const { agents, keys, headers, jwks, issuer, audience, limit } = await told()
const agentOf = new Map(Object.entries(agents).map(([id, text]) => [id, JSON.parse(text)]))
const keyOf = new Map(Object.entries(keys))
const issued = createLocalJWKSet(jwks)
const expected = { issuer, audience, algorithms: ['EdDSA'], typ: 'at+jwt' }

async function holder(bearer) {
  if (bearer.startsWith('wai_')) {
    return keyOf.get(createHash('sha256').update(bearer).digest('hex'))
  }
  try {
    const { payload } = await jwtVerify(bearer, issued, expected)
    return { agent: payload.agent_id, scopes: payload.scope.split(' ') }
  } catch {
    return undefined
  }
}

const app = Fastify({ logger: false })
await app.register(rateLimit, {
  max: limit,
  timeWindow: '1 minute',
  keyGenerator: request => request.headers.authorization ?? request.ip,
})

app.addHook('preHandler', async (request, reply) => {
  const authorization = request.headers.authorization
  const caller = authorization?.startsWith('Bearer ') ? await holder(authorization.slice(7)) : undefined
  if (!caller) return reply.code(401).send({ title: 'Unauthorized' })
  if (!caller.scopes.includes('agents:read')) return reply.code(403).send({ title: 'Forbidden' })
  request.caller = caller
})

app.get('/api/v1/agents/:agentId', async (request, reply) => {
  const agent = agentOf.get(request.params.agentId)
  if (!agent || request.caller.agent !== agent.id) return reply.code(404).send({ title: 'Not found' })
  reply.headers(headers).header('x-request-id', request.id)
  return agent
})

console.log(`listening on ${await app.listen({ port: 0, host: '127.0.0.1' })}`)
