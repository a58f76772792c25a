import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import { certificateRequest, newDeviceKey } from './device-key.ts'
import type { Enrolled, EnrolmentClient, JoinRequest } from './enrolment-client.ts'

/** Who this node is: its key, its certificate, and whom it trusts. */
export interface Identity extends Omit<Enrolled, 'timeMs'> {
  readonly nodeName: string
  /** URL of the control plane. */
  readonly server: string
  /** PEM. */
  readonly key: string
  /** Serial of the board on which this card joined; absent where it had none. */
  readonly board?: string
}

type Place = Omit<Identity, 'certificate' | 'authority' | 'key' | 'nodeName'>

/** What is given does not fit what this machine is; only an operator can decide. */
export class MembershipError extends Error {
  override name = 'MembershipError'
  readonly permanent = true
}

/** Files below `<data-dir>/agent/identity`; the key is 0600. */
export class IdentityFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** undefined before the node has joined. @throws MembershipError when the files are damaged. */
  async load(): Promise<Identity | undefined> {
    const [key, certificate, authority, place] = await Promise.all(
      ['node.key', 'node.crt', 'ca.crt', 'place.json'].map((name) => readIfPresent(join(this.#folder, name))),
    )
    if (certificate === undefined) return undefined // written last
    const parsed = this.#check('node.crt', () => new X509Certificate(certificate))
    const nodeName = this.#check('node.crt', () => nodeNameOf(certificate) ?? refuse('it is no node certificate'))
    this.#check('node.key', () => parsed.checkPrivateKey(createPrivateKey(key ?? '')) || refuse('it is not the key of node.crt'))
    this.#check('ca.crt', () => parsed.verify(new X509Certificate(authority ?? '').publicKey) || refuse('it did not sign node.crt'))
    return { nodeName, key: key!, certificate, authority: authority!, ...this.#check('place.json', () => parsePlace(place ?? '')) }
  }

  /** The device key, made on first use and kept before anything is asked for with it: a repeated enrolment is the same device. */
  async deviceKey(): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const kept = await readIfPresent(join(this.#folder, 'node.key'))
    if (kept !== undefined) {
      this.#check('node.key', () => createPrivateKey(kept))
      return kept
    }
    const key = newDeviceKey()
    await atomicWrite(join(this.#folder, 'node.key'), key, 0o600)
    return key
  }

  #check<T>(file: string, body: () => T): T {
    try {
      return body()
    } catch (error) {
      throw new MembershipError(
        `${join(this.#folder, file)} is damaged (${(error as Error).message}); remove ${this.#folder} and join again with a new token`,
        { cause: error },
      )
    }
  }

  /** The control plane has another address now. */
  async move(identity: Identity, server: string): Promise<Identity> {
    const moved = { ...identity, server }
    await this.save(moved)
    return moved
  }

  /** The certificate last: it says that everything else is there. */
  async save({
    certificate,
    authority,
    mqttPort,
    streamPort,
    podNetwork,
    serviceNetwork,
    server,
    board,
  }: Omit<Identity, 'key' | 'nodeName'>): Promise<void> {
    const place: Place = { mqttPort, streamPort, podNetwork, serviceNetwork, server, ...(board && { board }) }
    await atomicWrite(join(this.#folder, 'ca.crt'), authority, 0o644)
    await atomicWrite(join(this.#folder, 'place.json'), JSON.stringify(place), 0o644)
    await atomicWrite(join(this.#folder, 'node.crt'), certificate, 0o644)
  }
}

/**
 * Joins with a token: key, request, certificate, all kept.
 * @returns also the control plane's clock, epoch milliseconds.
 * @throws EnrolmentError with the control plane's reason.
 */
export async function joinCluster(
  files: IdentityFiles,
  client: EnrolmentClient,
  token: string,
  request: Omit<JoinRequest, 'csr'>,
  server: string,
): Promise<{ readonly identity: Identity; readonly timeMs: number }> {
  const key = await files.deviceKey()
  const { timeMs, ...enrolled } = await client.enrol(token, { ...request, csr: await certificateRequest(key) })
  const place = { ...enrolled, server, ...(request.device?.serial && { board: request.device.serial }) }
  await files.save(place)
  return { identity: { nodeName: request.nodeName, key, ...place }, timeMs }
}

/** A newer certificate for the same key. @throws EnrolmentError */
export async function renew(files: IdentityFiles, client: EnrolmentClient, identity: Identity): Promise<Identity> {
  const { timeMs: _, ...enrolled } = await client.renew(identity, await certificateRequest(identity.key))
  const renewed = { ...identity, ...enrolled }
  await files.save(renewed)
  return renewed
}

export const nodeNameOf = (certificate: string): string | undefined =>
  /^CN=system:node:(.+)$/m.exec(new X509Certificate(certificate).subject)?.[1]

function parsePlace(text: string): Place {
  const { server, mqttPort, streamPort, podNetwork, serviceNetwork, board } = (JSON.parse(text) ?? {}) as Partial<Place>
  if (!server || !mqttPort || !streamPort || !podNetwork || !serviceNetwork) return refuse('something is missing')
  return { server, mqttPort, streamPort, podNetwork, serviceNetwork, ...(board && { board }) }
}

function refuse(why: string): never {
  throw new Error(why)
}
