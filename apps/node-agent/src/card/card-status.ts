import { appendFile, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '@bramble/reconcile/env'
import { isMissing } from '../host/files.ts'
import type { Led } from './led.ts'

// What an operator sees who has only the card, or only the board: a file on the FAT partition, and the green LED.

/** Steps that the agent tells; those before are `firstboot.sh`'s. */
export type CardStep = 'joining' | 'enrolled' | 'ready' | 'failed'

const CARD_FOLDERS = ['/boot/firmware/bramble', '/boot/bramble']
/** The file is for people; a node that waits for weeks must not fill its boot partition. */
const STATUS_BYTES_MAX = 16 * 1024
const LED_OF: Readonly<Record<CardStep, 'working' | 'well' | 'failed'>> = {
  joining: 'working',
  enrolled: 'working',
  ready: 'well',
  failed: 'failed',
}

export interface CardOptions {
  readonly led: Led
  /** Seconds since the machine was powered on: its clock may be wrong. */
  readonly uptimeSeconds: () => number
  readonly log: Log
}

/** The folder that the flasher made on this machine's boot partition; undefined where there is none. */
export async function findCardFolder(folders: readonly string[] = CARD_FOLDERS): Promise<string | undefined> {
  for (const folder of folders) if (await isThere(join(folder, 'node.env'))) return folder
  return undefined
}

/** The card's side of joining. Nothing here ever keeps a node from working: a card that cannot be written is only logged. */
export class CardStatus {
  readonly #folder: string
  readonly #options: CardOptions
  #last: string | undefined

  constructor(folder: string, options: CardOptions) {
    this.#folder = folder
    this.#options = options
  }

  /** Says it once, however often it is called with the same words. @param text One line for people, without secrets. */
  async tell(step: CardStep, text: string): Promise<void> {
    const said = `${step} ${text.replaceAll(/\s+/g, ' ')}`
    if (said === this.#last) return
    this.#last = said
    await this.#attempt(() => this.#options.led.show(LED_OF[step]))
    await this.#attempt(() => this.#append(`${Math.round(this.#options.uptimeSeconds())} ${said}\n`))
  }

  /** The token has done its work: nothing secret stays on the card. Safe to repeat. */
  async forgetSecrets(): Promise<void> {
    await this.#attempt(async () => {
      const path = join(this.#folder, 'node.env')
      const text = await readFile(path, 'utf8')
      const hostname = /^HOSTNAME='[^']*'$/m.exec(text)?.[0] ?? "HOSTNAME=''"
      const left = `# this card has joined; flash it again to join anew\n${hostname}\n`
      if (text === left) return
      // written over, not renamed: the clusters that held the token are the ones that hold this
      await overwrite(path, left, Buffer.byteLength(text))
    })
  }

  /** What went wrong since the node was Ready last, for those who could not be reached then. Empty when nothing did. */
  async problems(): Promise<readonly string[]> {
    const all = await readFile(join(this.#folder, 'status.txt'), 'utf8').catch(() => '')
    const text = all.slice(all.search(/^(?![\s\S]*^\d+ ready )/m))
    return [...new Set([...text.matchAll(/^\d+(?:\.\d+)? failed (.+)$/gm)].map((match) => match[1]!))]
  }

  async #append(line: string): Promise<void> {
    const path = join(this.#folder, 'status.txt')
    const { size } = await stat(path).catch(() => ({ size: 0 }))
    if (size + line.length > STATUS_BYTES_MAX) await writeFile(path, line, { flush: true })
    else await appendFile(path, line, { flush: true })
  }

  async #attempt(body: () => Promise<void>): Promise<void> {
    try {
      await body()
    } catch (error) {
      if (!isMissing(error)) this.#options.log.warn('the status on the card could not be written', { error })
    }
  }
}

async function overwrite(path: string, text: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(text.padEnd(sizeBytes, '\n'), 0)
    await file.sync()
    await file.truncate(Buffer.byteLength(text))
    await file.sync()
  } finally {
    await file.close()
  }
}

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined
