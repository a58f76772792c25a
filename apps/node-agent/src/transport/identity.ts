import { X509Certificate } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWrite, readIfPresent } from '../host/files.ts'
import { certificateRequest, newDeviceKey } from './device-key.ts'
import type { Enrolled, EnrolmentClient } from './enrolment-client.ts'

/** Who this node is: its key, its certificate, and whom it trusts. */
export interface Identity extends Enrolled {
  readonly nodeName: string
  /** URL of the control plane. */
  readonly server: string
  /** PEM. */
  readonly key: string
}

type Place = Omit<Identity, 'certificate' | 'authority' | 'key' | 'nodeName'>

/** Files below `<data-dir>/agent/identity`; the key is 0600. */
export class IdentityFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** undefined before the node has joined. @throws Error when the files are damaged. */
  async load(): Promise<Identity | undefined> {
    const [key, certificate, authority, place] = await Promise.all(['node.key', 'node.crt', 'ca.crt', 'place.json'].map((name) => readIfPresent(join(this.#folder, name))))
    if (!key || !certificate || !authority || !place) return undefined
    const nodeName = nodeNameOf(certificate)
    if (nodeName === undefined) throw new Error(`${this.#folder}/node.crt is no node certificate; remove the folder and join again with a new token`)
    return { nodeName, key, certificate, authority, ...(JSON.parse(place) as Place) }
  }

  /** The device key, made on first use and kept before anything is asked for with it: a repeated enrolment is the same device. */
  async deviceKey(): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const kept = await readIfPresent(join(this.#folder, 'node.key'))
    if (kept) return kept
    const key = newDeviceKey()
    await atomicWrite(join(this.#folder, 'node.key'), key, 0o600)
    return key
  }

  /** The control plane has another address now. */
  async move(identity: Identity, server: string): Promise<Identity> {
    const moved = { ...identity, server }
    await this.save(moved)
    return moved
  }

  /** The certificate last: it says that everything else is there. */
  async save({ certificate, authority, mqttPort, streamPort, podNetwork, serviceNetwork, server }: Omit<Identity, 'key' | 'nodeName'>): Promise<void> {
    const place: Place = { mqttPort, streamPort, podNetwork, serviceNetwork, server }
    await atomicWrite(join(this.#folder, 'ca.crt'), authority, 0o644)
    await atomicWrite(join(this.#folder, 'place.json'), JSON.stringify(place), 0o644)
    await atomicWrite(join(this.#folder, 'node.crt'), certificate, 0o644)
  }
}

/**
 * Joins with a token: key, request, certificate for `nodeName`, all kept.
 * @throws EnrolmentError with the control plane's reason.
 */
export async function joinCluster(files: IdentityFiles, client: EnrolmentClient, token: string, nodeName: string, server: string): Promise<Identity> {
  const key = await files.deviceKey()
  const enrolled = { ...(await client.enrol(token, nodeName, await certificateRequest(key))), server }
  await files.save(enrolled)
  return { nodeName, key, ...enrolled }
}

/** A newer certificate for the same key. @throws EnrolmentError */
export async function renew(files: IdentityFiles, client: EnrolmentClient, identity: Identity): Promise<Identity> {
  const enrolled = await client.renew(identity, await certificateRequest(identity.key))
  const renewed = { ...identity, ...enrolled }
  await files.save(renewed)
  return renewed
}

export const nodeNameOf = (certificate: string): string | undefined => /^CN=system:node:(.+)$/m.exec(new X509Certificate(certificate).subject)?.[1]
