import type { BlockFile } from '../disk/block-file.ts'
import { DiskError } from '../disk/disk-error.ts'
import { FatVolume } from '../disk/fat-volume.ts'
import { type Partition, readPartitions } from '../disk/partitions.ts'
import { type Card, CardError, type CardSettings } from './card.ts'
import type { CardFile, CardFiles } from './card-files.ts'
import { cmdlinePaths, includesOf } from './config-txt.ts'
import { type BootFolder, type Scheme, TEXT_FILES } from './layout.ts'
import { type CardPlan, planCard } from './plan.ts'

const FOLDER = 'bramble'
/** Left by an earlier customisation of the same image; their room counts. */
const STALE = /^(bramble-.*-linux-\w+\.tar\.gz|status\.txt)$/i
const FAT_TYPES = new Set(['01', '04', '06', '0b', '0c', '0e', 'ef'])
const LABEL_SHOWN = 'boot partition'

/**
 * Makes a written image into this card: configuration and the agent's bundle on its boot partition, which is not mounted for it.
 *
 * Nothing on the card changes before everything has found room: an error means that the image is as it was. Done twice, it is the same card.
 *
 * @throws CardError when the image is none that we know, or has no room, with the numbers. DiskError when the card itself fails.
 */
export async function customiseCard(disk: BlockFile, card: Card, files: CardFiles): Promise<{ readonly scheme: Scheme }> {
  const { volume, plan, large } = await prepare(disk, card, files)
  try {
    for (const file of large) await volume.write(`${FOLDER}/${file.path}`, await file.read())
    for (const { path, content } of plan.texts) await volume.write(path, content)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'full') throw noRoom(volume, plan, large)
    throw error
  }
  await volume.flush()
  return { scheme: plan.scheme }
}

/** Whether an image can become this card, before anything is written anywhere. @throws as {@link customiseCard}. */
export async function checkImage(disk: BlockFile, settings: CardSettings, files: CardFiles): Promise<void> {
  await prepare(disk, { ...settings, token: '' }, files)
}

interface Prepared {
  readonly volume: FatVolume
  readonly plan: CardPlan
  readonly large: readonly CardFile[]
}

/** Changes nothing on the disk. */
async function prepare(disk: BlockFile, card: Card, files: CardFiles): Promise<Prepared> {
  const { bundle, others, firstrun } = files
  const volume = await openBoot(disk)
  const plan = planCard(await readBoot(volume), card, bundle && { file: bundle.path, sha256: bundle.sha256 }, firstrun)
  const large = [...(bundle ? [bundle] : []), ...others]
  await removeStale(volume, files)
  if (neededBytes(plan, large) > volume.freeBytes) throw noRoom(volume, plan, large)
  return { volume, plan, large }
}

/** The first partition with FAT on it that a Pi could start from. */
async function openBoot(disk: BlockFile): Promise<FatVolume> {
  const { partitions } = await partitionsOf(disk)
  const volumes: FatVolume[] = []
  for (const partition of partitions) {
    const volume = await openFat(disk, partition)
    if (!volume) continue
    if ((await volume.read('config.txt')) !== undefined) return volume
    volumes.push(volume)
  }
  if (volumes[0]) return volumes[0]
  const kinds = partitions.map(({ number, type }) => `${number} of type ${type}`).join(', ')
  throw new CardError(`the image is of an unknown kind: no FAT ${LABEL_SHOWN}${kinds === '' ? '' : ` (its partitions: ${kinds})`}`)
}

async function partitionsOf(disk: BlockFile): ReturnType<typeof readPartitions> {
  try {
    return await readPartitions(disk)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'layout')
      throw new CardError(`the image is no disk that a Pi starts from: ${error.message}`)
    throw error
  }
}

/** @throws DiskError when a partition that says it is FAT is damaged. */
async function openFat(disk: BlockFile, { startBytes, type }: Partition): Promise<FatVolume | undefined> {
  try {
    return await FatVolume.open(disk, startBytes)
  } catch (error) {
    if (error instanceof DiskError && (error.code === 'layout' || !FAT_TYPES.has(type))) return undefined
    throw error
  }
}

async function readBoot(volume: FatVolume): Promise<BootFolder> {
  const texts = new Map<string, string>()
  const load = async (path: string): Promise<void> => {
    const content = await volume.read(path).catch((error) => {
      if (error instanceof DiskError && error.code === 'path') return undefined
      throw error
    })
    if (content) texts.set(path, content.toString())
  }
  for (const path of TEXT_FILES) await load(path)
  for (const path of includesOf(texts.get('config.txt') ?? '')) await load(path)
  for (const path of cmdlinePaths(
    [...texts]
      .filter(([name]) => name.endsWith('.txt'))
      .map(([, text]) => text)
      .join('\n[all]\n'),
  ))
    await load(path)
  return { label: volume.label, names: (await volume.list('')).map(({ name }) => name), texts }
}

async function removeStale(volume: FatVolume, files: CardFiles): Promise<void> {
  const names = (await volume.list('')).some(({ name, isFolder }) => isFolder && name.toLowerCase() === FOLDER)
    ? await volume.list(FOLDER)
    : []
  const stale = names.filter(({ name, isFolder }) => !isFolder && STALE.test(name) && name !== files.bundle?.path)
  for (const { name } of stale) await volume.remove(`${FOLDER}/${name}`)
}

const neededBytes = ({ texts }: CardPlan, large: readonly CardFile[]): number =>
  large.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) + texts.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0)

function noRoom(volume: FatVolume, plan: CardPlan, large: readonly CardFile[]): CardError {
  const biggest = [...large].sort((a, b) => b.sizeBytes - a.sizeBytes)[0]!
  return new CardError(
    `the ${LABEL_SHOWN}${volume.label === '' ? '' : ` "${volume.label}"`} of the image is too full: ${mebibytes(neededBytes(plan, large))} are to go on it ` +
      `(${biggest.path} alone takes ${mebibytes(biggest.sizeBytes)}), ${mebibytes(volume.freeBytes)} are free. Nothing was changed on it. ` +
      'Take fewer --preload images, or an image with a larger boot partition',
  )
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
