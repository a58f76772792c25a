import { type FieldError, invalidValue } from '@bramble/api/field-error'
import { timestamp } from '@bramble/api/duration'
import { type KubeObject, objectKey, splitKey } from '@bramble/api/object'
import { badRequest, conflict, invalid, isReason } from '@bramble/api/status-error'
import type { ServiceAccount } from '@bramble/api/types/core'
import type { Pod } from '@bramble/api/types/pod'
import { decodeObject } from '../../api/decode.ts'
import type { WriteContext } from '../../api/requests.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { type Bound, ISSUER } from '../../auth/service-account-claims.ts'
import { nodes } from '../../resources/node.ts'
import { pods } from '../../resources/pod.ts'
import { secrets } from '../../resources/secret.ts'
import type { DecodedBody } from '../body.ts'
import { type ApiDeps, type Exchange, keyOfExchange } from './exchange.ts'
import { write } from './write.ts'

const GROUP = 'authentication.k8s.io'
const tokenRequests: ResourceDefinition = {
  group: GROUP,
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  scope: 'Namespaced',
  durability: 'volatile',
  verbs: ['create'],
  columns: [],
  schema: { type: 'ref', ref: 'io.k8s.api.authentication.v1.TokenRequest' },
}

/** Source: authentication/v1 TokenRequest. */
interface TokenRequest extends KubeObject {
  spec?: {
    audiences?: readonly string[]
    expirationSeconds?: number
    boundObjectRef?: { readonly kind?: string; readonly apiVersion?: string; readonly name?: string; readonly uid?: string }
  }
}

const LIFE_SECONDS_DEFAULT = 3_600
const LIFE_SECONDS_MIN = 600
/** What kube-apiserver takes at all; longer than ours are shortened, with a warning. */
const LIFE_SECONDS_SANE = 2 ** 32
const LIFE_SECONDS_MAX = 365 * 86_400

/**
 * `POST serviceaccounts/x/token`: a token for a ServiceAccount, for a time, bound to an object if the request names one.
 * @see Source: Kubernetes pkg/registry/core/serviceaccount/storage token.go.
 */
export async function requestToken(exchange: Exchange): Promise<Response> {
  const key = keyOfExchange(exchange)
  const act = async ({ value }: DecodedBody, context: WriteContext): Promise<KubeObject> => {
    const request = decodeObject(tokenRequests, value, context) as TokenRequest
    checkPlace(request, key)
    const account = (await exchange.deps.resources.get(exchange.resource, key)) as ServiceAccount
    return await grant(exchange.deps, account, request, context)
  }
  return write({ ...exchange, resource: tokenRequests }, 'CreateOptions', tokenRequests, act, 201)
}

async function grant(deps: ApiDeps, account: ServiceAccount, request: TokenRequest, context: WriteContext): Promise<KubeObject> {
  const { audiences = [], expirationSeconds = LIFE_SECONDS_DEFAULT, boundObjectRef } = request.spec ?? {}
  checkLife(expirationSeconds)
  const bound = boundObjectRef ? await boundObject(deps, account, boundObjectRef) : {}
  const lifeSeconds = Math.min(expirationSeconds, LIFE_SECONDS_MAX)
  if (lifeSeconds < expirationSeconds)
    context.warn(`requested expiration of ${expirationSeconds} seconds shortened to ${lifeSeconds} seconds`)
  const meant = audiences.length > 0 ? audiences : [ISSUER]
  const nowMs = Math.floor(deps.env.clock.nowMs() / 1000) * 1000
  const token = await deps.tokens.issue(account, bound, meant, lifeSeconds)
  const { name, namespace } = account.metadata
  return {
    ...request,
    metadata: { ...request.metadata, name, namespace: namespace!, creationTimestamp: timestamp(nowMs) },
    spec: { ...request.spec, audiences: meant, expirationSeconds: lifeSeconds },
    status: { token, expirationTimestamp: timestamp(nowMs + lifeSeconds * 1000) },
  } as KubeObject
}

function checkPlace({ metadata }: TokenRequest, key: string): void {
  const { name, namespace } = splitKey(key)
  const errors: FieldError[] = []
  if (metadata.name && metadata.name !== name)
    errors.push(invalidValue('metadata.name', metadata.name, 'must match the service account name if specified'))
  else if (metadata.namespace && metadata.namespace !== namespace)
    errors.push(invalidValue('metadata.namespace', metadata.namespace, 'must match the service account namespace if specified'))
  if (errors.length > 0) throw invalid(GROUP, tokenRequests.kind, name, errors)
}

function checkLife(seconds: number): void {
  const refuse = (why: string) => invalid(GROUP, tokenRequests.kind, '', [invalidValue('spec.expirationSeconds', seconds, why)])
  if (seconds < LIFE_SECONDS_MIN) throw refuse('may not specify a duration less than 10 minutes')
  if (seconds > LIFE_SECONDS_SANE) throw refuse('may not specify a duration larger than 2^32 seconds')
}

type Reference = NonNullable<NonNullable<TokenRequest['spec']>['boundObjectRef']>

/** @throws StatusError 404 when it is not there, 409 when it is another of that name, 400 when tokens cannot be bound to it. */
async function boundObject({ resources }: ApiDeps, account: ServiceAccount, reference: Reference): Promise<Bound> {
  const { kind = '', apiVersion = '', name = '', uid } = reference
  const inNamespace = objectKey(account.metadata.namespace, name)
  const checked = <T extends KubeObject>(object: T): T => {
    if (!uid || object.metadata.uid === uid) return object
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`
    throw conflict({ group: '', plural: kind }, name, why)
  }
  switch (apiVersion === 'v1' ? kind : '') {
    case 'Pod': {
      const pod = (await resources.get(pods as ResourceDefinition, inNamespace)) as Pod
      if (pod.spec.serviceAccountName !== account.metadata.name)
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(account.metadata.name)} to pod running with different serviceaccount name.`,
        )
      return { pod: checked(pod), ...(pod.spec.nodeName && { node: await nodeOf(resources, pod.spec.nodeName) }) }
    }
    case 'Secret':
      return { secret: checked(await resources.get(secrets as ResourceDefinition, inNamespace)) }
    case 'Node': {
      const { metadata } = checked(await resources.get(nodes as ResourceDefinition, name))
      return { node: { name: metadata.name, uid: metadata.uid } }
    }
    default:
      throw badRequest(`cannot bind token to object of type ${goKind(apiVersion, kind)}`)
  }
}

async function nodeOf(resources: ApiDeps['resources'], name: string): Promise<NonNullable<Bound['node']>> {
  try {
    return { name, uid: (await resources.get(nodes as ResourceDefinition, name)).metadata.uid }
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
    return { name } // the pod may outlive its node
  }
}

/** How Go prints a GroupVersionKind. */
function goKind(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? `/${apiVersion}, Kind=${kind}` : `${apiVersion}, Kind=${kind}`
}
