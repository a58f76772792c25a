import { type Card, nameOfSerial } from '@bramble/provisioning/card/card'
import type { CardFiles } from '@bramble/provisioning/card/card-files'
import type { ListedCard } from '@bramble/provisioning/card/card-list'
import { customiseCard } from '@bramble/provisioning/card/customise'
import type { Scheme } from '@bramble/provisioning/card/layout'
import type { Drive } from '@bramble/provisioning/flash/drive'
import { eject } from '@bramble/provisioning/flash/eject'
import type { ImageSource } from '@bramble/provisioning/flash/image-source'
import { writeImage } from '@bramble/provisioning/flash/write-image'
import { UsageError } from '../fail.ts'
import type { CardTokens } from './card-tokens.ts'
import { called, chooseDrive } from './drives.ts'
import { humanSeconds, ProgressView } from './progress.ts'
import { ask } from './terminal.ts'

export interface BatchWork {
  readonly cards: readonly ListedCard[]
  readonly source: ImageSource
  readonly files: CardFiles
  readonly tokens: CardTokens
  /** Undefined: every card is a file. */
  readonly device: string | undefined
  readonly mayAsk: boolean
  readonly isEjected: boolean
  readonly signal: AbortSignal
}

const SCHEMES: Readonly<Record<Scheme, string>> = {
  bramble: 'an image of ours',
  'cloud-init': 'cloud-init',
  firstrun: 'Raspberry Pi OS without cloud-init',
  debian: 'Debian',
}

/** Writes every card, one after the other. A card that fails ends it; those before are good, and said so. */
export async function writeCards(work: BatchWork): Promise<void> {
  let before: Drive | undefined
  for (const [index, card] of work.cards.entries()) {
    const place = work.cards.length === 1 ? '' : `card ${index + 1} of ${work.cards.length}, `
    console.log(`${place}${titleOf(card)}`)
    try {
      if (work.device === undefined) await writeFileCard(work, card)
      else before = await writeDeviceCard(work, card, work.device, before)
    } catch (error) {
      if (index > 0)
        process.stderr.write(`bramble: ${index} of ${work.cards.length} cards are done; ${titleOf(card)} and what follows are not\n`)
      throw error
    }
  }
}

const titleOf = ({ settings: { hostname, serial } }: ListedCard): string =>
  hostname ?? (serial === undefined ? 'a Pi that names itself after its serial number' : nameOfSerial(serial))

async function writeFileCard(work: BatchWork, card: ListedCard): Promise<void> {
  await writeCard(work, card, card.output!, false)
  console.log(`${card.output!} is ready`)
}

async function writeDeviceCard(work: BatchWork, card: ListedCard, device: string, before: Drive | undefined): Promise<Drive> {
  if (before) await ask(`Put the next card into ${device}, for ${titleOf(card)}, and press Enter (Ctrl-C ends): `, work.signal)
  const drive = await confirmed(work, device, before)
  await writeCard(work, card, device, true)
  if (work.isEjected) await eject(device)
  console.log(work.isEjected ? `${titleOf(card)}: done; take the card out` : `${titleOf(card)}: done`)
  return drive
}

/** Asks again until a card is there that may be erased. The second card of a batch is only asked for when it is another kind of drive. */
async function confirmed(work: BatchWork, device: string, before: Drive | undefined): Promise<Drive> {
  for (;;) {
    try {
      const drive = await chooseDrive(device, work.source.sizeBytes)
      const isSameKind = before !== undefined && before.model === drive.model && before.sizeBytes === drive.sizeBytes
      if (!work.mayAsk || isSameKind) return drive
      const answer = await ask(`Everything on ${device} (${called(drive)}) will be erased. Type yes to go on: `, work.signal)
      if (answer !== 'yes') throw new UsageError('nothing was erased')
      return drive
    } catch (error) {
      if (!(error instanceof UsageError) || !before) throw error
      console.log(error.message)
      await ask('Press Enter to look again (Ctrl-C ends): ', work.signal)
    }
  }
}

async function writeCard(
  { source, files, tokens, signal }: BatchWork,
  { settings }: ListedCard,
  target: string,
  isDevice: boolean,
): Promise<void> {
  const token = await tokens.mint(settings)
  const view = new ProgressView(process.stdout, Date.now)
  const startedMs = Date.now()
  let scheme: Scheme | undefined
  try {
    await writeImage(source, target, {
      isDevice,
      customise: async (disk) => {
        view.end()
        const card: Card = { ...settings, token }
        scheme = (await customiseCard(disk, card, files)).scheme
      },
      progress: (at) => view.show(at),
      signal,
    })
  } catch (error) {
    view.end()
    await tokens.revoke(token)
    throw error
  }
  view.end()
  console.log(`written, checked and set up (${SCHEMES[scheme!]}) in ${humanSeconds((Date.now() - startedMs) / 1000)}`)
}
