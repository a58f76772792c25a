import type { KubeObject } from '@bramble/api/object'
import type { LinkServer } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { allAdmissionSteps } from './admission/all.ts'
import { apiServiceIp, serviceRanges } from './admission/service-addresses/ranges.ts'
import { allOrNone } from '@bramble/reconcile/all-or-none'
import type { ApiClient } from './api/client.ts'
import { followCustomKinds } from './api/custom/custom-kinds.ts'
import { LocalClient } from './api/local-client.ts'
import { shareManagedFields } from './api/managed-fields/managers.ts'
import { Registry } from './api/registry.ts'
import type { Resources } from './api/requests.ts'
import { ResourceService } from './api/resource-service.ts'
import { Authorizer } from './auth/authorizer.ts'
import { escalationPrevention } from './auth/escalation.ts'
import { ServiceAccountTokens } from './auth/service-account-tokens.ts'
import { signerRights } from './auth/signer-rights.ts'
import type { AgentReleases } from './controllers/agent-upgrade/release.ts'
import { allControllers } from './controllers/all.ts'
import type { CertificateSigner } from './controllers/certificate-signing/signer.ts'
import { ApiEventRecorder } from './controllers/event-recorder.ts'
import { runControllers } from './controllers/manager.ts'
import type { HealthCheck } from './http/routes/health.ts'
import type { MetricSource } from '@bramble/reconcile/metrics/family'
import { nodeMetrics } from './metrics/node-metrics.ts'
import { storeMetrics } from './metrics/store-metrics.ts'
import { createNodeGateway, type NodeGateway } from './gateway/node-gateway.ts'
import { newServiceAccountKey } from './pki/service-account-key.ts'
import { allResources } from './resources/all.ts'
import { shareApiAccess } from './resources/pod-spec/api-access.ts'
import { ensureStandardObjects } from './resources/standard-objects/standard-objects.ts'
import { runningPart } from './running-part.ts'
import { runScheduler } from './scheduler/scheduler.ts'
import type { Backend } from './store/backend/backend.ts'
import { volatileKeys } from './store/keys.ts'
import { openStore, type Store } from './store/store.ts'

export interface ControlPlaneSettings {
  readonly podNetwork: string
  readonly serviceNetwork: string
  readonly nodePrefix: number
  readonly nodeGraceMs: number
  /** Where the API is reached: what the Service `kubernetes` leads to. */
  readonly advertiseAddress: string
  readonly apiPort: number
  /** PEM. */
  readonly certificateAuthority?: string
}

export interface ControlPlane {
  readonly store: Store
  readonly registry: Registry
  readonly resources: Resources
  readonly client: ApiClient
  readonly gateway: NodeGateway
  readonly authorizer: Authorizer
  readonly tokens: ServiceAccountTokens
  readonly metricSources: readonly MetricSource[]
  /** What `kubectl get componentstatuses` lists. */
  readonly components: readonly HealthCheck[]
  /** Controllers, scheduler and gateway until `signal` aborts. One fails, all stop: a half-alive control plane lies. */
  run(signal: AbortSignal): Promise<void>
}

/**
 * Everything but the ports: `main.ts` adds HTTPS, MQTT and gRPC, the simulation a link in memory. Reads the store and makes
 * the objects that clients expect to find.
 */
export async function createControlPlane(deps: {
  readonly backend: Backend
  readonly linkServer: LinkServer
  readonly env: Env
  readonly settings: ControlPlaneSettings
  /** PEM of the key that signs the tokens of ServiceAccounts. Default: one that lasts as long as this process. */
  readonly serviceAccountKey?: () => Promise<string>
  /** The cluster's authority, for requests for certificates that were approved. */
  readonly certificates?: CertificateSigner
  readonly agents?: AgentReleases
}): Promise<ControlPlane> {
  const { backend, linkServer, env, settings, certificates, agents, serviceAccountKey = async () => newServiceAccountKey() } = deps
  const registry = new Registry(allResources)
  const store = await openStore(backend, { volatile: volatileKeys(() => registry.stored()), share: shareParts, env })
  await followCustomKinds(store, registry, env)
  const ranges = serviceRanges(settings.serviceNetwork)
  const reads: Pick<ApiClient, 'get' | 'list'> = {
    get: (kind, key) => client.get(kind, key),
    list: (kind, options) => client.list(kind, options),
  }
  const authorizer = new Authorizer(store)
  const admission = [escalationPrevention(authorizer), signerRights(authorizer), ...allAdmissionSteps({ reads, ranges, env })]
  const resources = new ResourceService({ store, registry, admission, env })
  const client: ApiClient = new LocalClient({
    store,
    resources,
    // what a kind says of itself is for people; a field that the schema does not know may come from a newer agent
    warn: (message) =>
      env.log[message.startsWith('unknown field') ? 'warn' : 'debug']('a write of our own was stored with a warning', { message }),
  })
  const standard = { ...settings, apiServiceIp: apiServiceIp(ranges) }
  await ensureStandardObjects(client, standard)

  const keySetUrl = `https://${settings.advertiseAddress}:${settings.apiPort}/openid/v1/jwks`
  const tokens = new ServiceAccountTokens({ signingKey: serviceAccountKey, reads, env, keySetUrl })
  const events = new ApiEventRecorder(client, env)
  const gateway = createNodeGateway({ client, env, linkServer, tokens, events, ...(agents && { serverVersion: agents.serverVersion }) })
  const [controllerManager, scheduler] = [runningPart('controller-manager'), runningPart('scheduler')]
  return {
    store,
    registry,
    resources,
    client,
    gateway,
    authorizer,
    tokens,
    metricSources: [storeMetrics(store, registry), nodeMetrics(client)],
    components: [controllerManager, scheduler, { name: 'store', check: () => (store.statistics.isDiskFailing ? DISK_FAILS : undefined) }],
    run: (signal) =>
      allOrNone(signal, [
        controllerManager.run((stop) =>
          runControllers(
            allControllers(registry, standard),
            { client, kinds: registry, env, events, settings, tokens, ...(certificates && { certificates }), ...(agents && { agents }) },
            stop,
          ),
        ),
        scheduler.run((stop) => runScheduler({ client, env, events: events.as('default-scheduler') }, stop)),
        (stop) => gateway.run(stop),
        (stop) => events.run(stop),
      ]),
  }
}

const DISK_FAILS = 'the last change could not be written to the disk'

function shareParts(object: KubeObject): void {
  shareManagedFields(object)
  shareApiAccess(object)
}
