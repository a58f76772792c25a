import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create, type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import type { Server } from '@grpc/grpc-js'
import { mountAt } from '../mounts/mount-table.ts'
import type { Mounter } from '../mounts/mounter.ts'
import { Registration } from './grpc/api_pb.js'
import {
  Node,
  type NodePublishVolumeRequest,
  NodeServiceCapability_RPC_Type,
  type NodeStageVolumeRequest,
  type NodeUnpublishVolumeRequest,
  type NodeUnstageVolumeRequest,
} from './grpc/csi_pb.js'

const { STAGE_UNSTAGE_VOLUME, SINGLE_NODE_MULTI_WRITER, VOLUME_MOUNT_GROUP } = NodeServiceCapability_RPC_Type
export const CAN = { stage: STAGE_UNSTAGE_VOLUME, multiWriter: SINGLE_NODE_MULTI_WRITER, mountGroup: VOLUME_MOUNT_GROUP }

export interface DriverSettings {
  readonly name?: string
  /** Of its registration socket. */
  readonly file?: string
  readonly type?: string
  readonly versions?: readonly string[]
  readonly nodeId?: string
  readonly can?: readonly NodeServiceCapability_RPC_Type[]
}

/** A CSI driver with real sockets, whose volumes are file systems in memory: of the node when it stages, else of each pod. */
export class TestDriver {
  readonly calls: { readonly method: string; readonly request: Readonly<Record<string, unknown>> }[] = []
  /** What it says to a method instead of doing it: a status code and words. */
  readonly failures = new Map<string, readonly [code: number, words: string]>()
  /** Methods that it never answers. */
  readonly silent = new Set<string>()
  /** Device of a volume that is one, by handle. */
  readonly devices = new Map<string, string>()
  readonly name: string
  readonly socketPath: string
  readonly #settings: DriverSettings
  readonly #mounter: Mounter
  #server: Server | undefined

  constructor(folder: string, mounter: Mounter, settings: DriverSettings = {}) {
    this.name = settings.name ?? 'test.csi.bramble.dev'
    this.socketPath = join(folder, settings.file ?? `${this.name}-reg.sock`)
    this.#settings = settings
    this.#mounter = mounter
  }

  async start(): Promise<void> {
    const { Server, ServerCredentials } = await import('../../../host/grpc.ts')
    const server = new Server()
    this.#serve(server, Registration)
    this.#serve(server, Node)
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(`unix://${this.socketPath}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
    )
    this.#server = server
  }

  /** As when it is killed, and its registrar sweeps up. */
  async stop(): Promise<void> {
    this.#server?.forceShutdown()
    await rm(this.socketPath, { force: true })
  }

  /** Calls that change something, in order. */
  get changes(): readonly string[] {
    return this.calls.map(({ method }) => method).filter((method) => /stage|publish/i.test(method))
  }

  /** The latest request of a method. */
  last(method: string): Readonly<Record<string, unknown>> | undefined {
    return this.calls.findLast((call) => call.method === method)?.request
  }

  #serve(server: Server, service: DescService): void {
    const methods = service.methods.filter(({ name }) => name in this.#answers)
    server.addService(
      Object.fromEntries(methods.map((method) => [method.localName, definition(method)])),
      Object.fromEntries(
        methods.map((method) => [
          method.localName,
          ({ request }: { readonly request: Message }, done: (error: object | null, response?: Message) => void) => {
            this.#answer(method, request).then(
              (response) => done(null, response),
              (error: Error & { code?: number }) => done({ code: error.code ?? 13, details: error.message }),
            )
          },
        ]),
      ) as never,
    )
  }

  async #answer(method: DescMethod, request: Message): Promise<Message> {
    this.calls.push({ method: method.name, request: request as never })
    if (this.silent.has(method.name)) await new Promise(() => {})
    const failure = this.failures.get(method.name)
    if (failure) throw Object.assign(new Error(failure[1]), { code: failure[0] })
    return create(method.output, (await this.#answers[method.name]!(request as never)) as never)
  }

  readonly #answers: Readonly<Record<string, (request: never) => Promise<object>>> = {
    GetInfo: async () => ({
      type: this.#settings.type ?? 'CSIPlugin',
      name: this.name,
      endpoint: this.socketPath,
      supportedVersions: [...(this.#settings.versions ?? ['1.0.0'])],
    }),
    NotifyRegistrationStatus: async () => ({}),
    NodeGetInfo: async () => ({
      nodeId: this.#settings.nodeId ?? 'node-7',
      maxVolumesPerNode: 12n,
      accessibleTopology: { segments: { 'test/zone': 'a' } },
    }),
    NodeGetCapabilities: async () => ({
      capabilities: (this.#settings.can ?? []).map((type) => ({ type: { case: 'rpc', value: { type } } })),
    }),
    NodeStageVolume: ({ stagingTargetPath }: NodeStageVolumeRequest) => this.#mount(stagingTargetPath),
    NodePublishVolume: async ({ volumeId, stagingTargetPath, targetPath, volumeCapability }: NodePublishVolumeRequest) => {
      if (volumeCapability?.accessType.case === 'block') {
        await writeFile(targetPath, '')
        await this.#mounter.bind(this.devices.get(volumeId)!, targetPath)
        return {}
      }
      if (stagingTargetPath === '') return this.#mount(targetPath)
      await mkdir(targetPath, { recursive: true })
      if (!mountAt(await this.#mounter.list(), targetPath)) await this.#mounter.bind(stagingTargetPath, targetPath)
      return {}
    },
    NodeUnpublishVolume: async ({ targetPath }: NodeUnpublishVolumeRequest) => {
      await this.#mounter.unmount(targetPath)
      await rm(targetPath, { recursive: true, force: true })
      return {}
    },
    NodeUnstageVolume: async ({ stagingTargetPath }: NodeUnstageVolumeRequest) => {
      await this.#mounter.unmount(stagingTargetPath)
      return {}
    },
  }

  async #mount(target: string): Promise<object> {
    await mkdir(target, { recursive: true })
    if (!mountAt(await this.#mounter.list(), target))
      await this.#mounter.mount({ type: 'tmpfs', source: 'bramble-csi-test', target, options: ['mode=0755'] })
    return {}
  }
}

const definition = (method: DescMethod) => ({
  path: `/${method.parent.typeName}/${method.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message: Message) => Buffer.from(toBinary(method.input, message)),
  requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
  responseSerialize: (message: Message) => Buffer.from(toBinary(method.output, message)),
  responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
})
