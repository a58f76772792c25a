import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type CardFiles, diskFile, loadBundle } from '@bramble/provisioning/card/card-files'
import { CardError } from '@bramble/provisioning/card/card'
import type { ListedCard } from '@bramble/provisioning/card/card-list'
import { checkImage } from '@bramble/provisioning/card/customise'
import { openBlockFile } from '@bramble/provisioning/disk/block-file'
import { DiskError } from '@bramble/provisioning/disk/disk-error'
import { listDrives } from '@bramble/provisioning/flash/drives'
import { openImage } from '@bramble/provisioning/flash/image-source'
import { type Cluster, kubeconfigPath, openCluster, openKubeconfig } from '../cluster.ts'
import { UsageError } from '../fail.ts'
import { askedCards } from './asked-cards.ts'
import { writeCards } from './batch.ts'
import { type CardTokens, clusterTokens, tokensOfFile } from './card-tokens.ts'
import { candidates, chooseDrive, printDrives } from './drives.ts'
import { findBundle } from './find-bundle.ts'
import type { FlashOptions } from './flash-options.ts'
import { askSecret, isInteractive } from './terminal.ts'
import { installation } from '../installation.ts'
import { durationMs } from '../token.ts'

/** What `bramble flash` does. @throws UsageError with what is wrong, before a card was touched where that can be known. */
export async function flash(options: FlashOptions, dataDirectory: string): Promise<void> {
  if (options.listDrives) return printDrives(await listDrives())
  const abort = new AbortController()
  const stop = (): void => abort.abort(new Error('stopped'))
  // What is written holds a join token and the key of the Wi-Fi.
  process.umask(0o077)
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    await flashCards(options, dataDirectory, abort.signal)
  } catch (error) {
    if (abort.signal.aborted) throw new Error('stopped; a card that was being written is blank or unfinished: flash it again')
    if (error instanceof CardError || error instanceof DiskError) throw new UsageError(error.message)
    throw error
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** Everything that can be wrong is found before a card is touched, cheapest first. */
async function flashCards(options: FlashOptions, dataDirectory: string, signal: AbortSignal): Promise<void> {
  const { device, output } = options
  const image = await checkTargets(options)
  const cluster = clusterFor(options, dataDirectory)
  const mayAsk = !options.yes && isInteractive()
  const askPassphrase = isInteractive() ? (network: string) => askSecret(`Passphrase of the Wi-Fi "${network}": `, signal) : undefined
  const cards = await askedCards(options, cluster && pointsElsewhere(cluster.server), process.env, askPassphrase)
  checkOutputs(cards, options)
  if (device !== undefined && !options.yes && !mayAsk)
    throw new UsageError('nobody can be asked whether the card may be erased: say --yes when it may')
  if (device !== undefined && options.yes && cards.length > 1)
    throw new UsageError('--yes with several cards waits for no change of cards: write files with --output, or leave --yes out')

  const tokens = tokensFor(options, cluster, cards.length)
  const files = await filesFor(options, dataDirectory, cluster)
  if (isPlainFile(image)) await checkPlainImage(image, cards, files)
  const source = await openImage(image, options.sha256 === undefined ? {} : { sha256: options.sha256 })
  if (device !== undefined) await chooseDrive(device, source.sizeBytes)
  warn(cards)
  await writeCards({
    cards,
    source,
    files,
    tokens,
    device: output === undefined ? device : undefined,
    mayAsk,
    isEjected: options.eject,
    signal,
  })
  sayWhatNext(cards, options)
}

/** @returns the image. */
async function checkTargets({ image, device, output, from, count, hostname, serial }: FlashOptions): Promise<string> {
  if (image === undefined) throw new UsageError('say --image, a file or an address, such as raspios_lite_arm64.img.xz')
  if (/armhf|armv[67]/i.test(basename(image)))
    throw new UsageError(`--image ${image}: is for 32 bits; Bramble needs the 64-bit system, whose name has arm64 in it`)
  if (device !== undefined && output !== undefined) throw new UsageError('--device and --output: say one of them')
  if (device === undefined && output === undefined && from === undefined)
    throw new UsageError(`say --device, the card, or --output, a file${await candidates()}`)
  if (from !== undefined && count !== undefined)
    throw new UsageError('--from and --count: say one of them; a list has as many cards as lines')
  if (from !== undefined && (hostname ?? serial) !== undefined)
    throw new UsageError('--from with --hostname or --serial: names and serials stand in the columns of the list')
  return image
}

function checkOutputs(cards: readonly ListedCard[], { device, yes }: FlashOptions): void {
  if (device !== undefined) return
  const none = cards.find(({ output }) => output === undefined)
  if (none) throw new UsageError(`${none.from}: say --device, or --output with {hostname} in it, or give the list a column "output"`)
  const there = yes ? [] : cards.filter(({ output }) => existsSync(output!))
  if (there.length > 0)
    throw new UsageError(`--output: ${there.map(({ output }) => output).join(', ')} is there already; --yes replaces it`)
}

/** With --token-file a control plane is not needed, but its kubeconfig may still say where it is. */
function clusterFor({ kubeconfig, tokenFile }: FlashOptions, dataDirectory: string): Cluster | undefined {
  if (kubeconfig !== undefined) {
    try {
      return openKubeconfig(kubeconfig)
    } catch (error) {
      throw new UsageError(`--kubeconfig ${(error as Error).message}`)
    }
  }
  if (tokenFile !== undefined && !existsSync(kubeconfigPath(dataDirectory))) return undefined
  try {
    return openCluster(dataDirectory)
  } catch (error) {
    throw new UsageError(
      `${(error as Error).message}; if it runs on another machine, "bramble kubeconfig" there prints what --kubeconfig takes`,
    )
  }
}

/** A kubeconfig of the control plane's own machine may say 127.0.0.1, which is no address for a Pi. */
function pointsElsewhere(server: string): string | undefined {
  return /^https:\/\/(127\.|localhost|\[)/.test(server) ? undefined : server
}

function tokensFor({ tokenFile, tokenTtl }: FlashOptions, cluster: Cluster | undefined, cards: number): CardTokens {
  if (tokenFile !== undefined) return tokensOfFile(tokenFile, cards)
  return clusterTokens(cluster!, durationMs(tokenTtl, '--token-ttl'))
}

async function filesFor(options: FlashOptions, dataDirectory: string, cluster: Cluster | undefined): Promise<CardFiles> {
  const { root, kind } = installation
  const scripts = join(root, kind === 'sources' ? 'provisioning/node' : 'share')
  const preload = options.preload ?? []
  const wrong = preload.find((path) => !path.endsWith('.tar'))
  if (wrong !== undefined) throw new UsageError(`--preload ${wrong}: must be a .tar, as "podman save" makes it`)
  const bundle = async (): Promise<CardFiles['bundle']> => {
    if (options.bundle === false) return undefined
    const folders = { built: join(root, 'dist/release'), imported: join(dataDirectory, 'releases') }
    return loadBundle(options.bundle ?? (await findBundle(folders, cluster, (text) => console.log(text))))
  }
  return {
    bundle: await bundle(),
    firstrun: await readFile(join(scripts, 'firstrun.sh'), 'utf8'),
    others: await Promise.all([
      ...['firstboot.sh', 'launcher'].map((name) => diskFile(join(scripts, name), name)),
      ...preload.map((path) => diskFile(path, `images/${basename(path)}`)),
    ]),
  }
}

const isPlainFile = (image: string): boolean => image.endsWith('.img') && !/^https?:/.test(image)

/** An image that is not packed can be looked into before the card is erased. */
async function checkPlainImage(image: string, cards: readonly ListedCard[], files: CardFiles): Promise<void> {
  const disk = await openBlockFile(image)
  try {
    await checkImage(disk, cards[0]!.settings, files)
  } finally {
    await disk.close()
  }
}

function warn(cards: readonly ListedCard[]): void {
  const say = (text: string): void => void process.stderr.write(`bramble: warning: ${text}\n`)
  if (cards.some(({ settings }) => settings.sshKeys.length === 0)) say('no --ssh-key: nobody will be able to log in')
  if (cards.some(({ settings }) => settings.hostname === undefined && settings.serial === undefined))
    say('neither --hostname nor --serial: whichever machine reads the token from the card first may join with it')
}

function sayWhatNext(cards: readonly ListedCard[], { tokenFile, tokenTtl, wifi, device }: FlashOptions): void {
  const one = cards.length === 1
  const { settings } = cards[0]!
  const name = one && settings.hostname !== undefined ? settings.hostname : '<name>'
  const put =
    device === undefined ? `Write ${one ? 'the file to a card' : 'each file to a card'}, put it into the Pi` : 'Put the card into the Pi'
  const cable = wifi === undefined ? ', plug the network cable in' : ''
  console.log(`
What next:
  1. ${put}${cable} and give it power${tokenFile === undefined ? `, within ${tokenTtl}: after that it may not join any more` : ''}.
  2. In a few minutes it is Ready:  kubectl get nodes --watch
  3. If it is not, put the card into this machine and read bramble/status.txt on it.${
    settings.sshKeys.length > 0 ? `\n  To log in:  ssh ${settings.user}@${name}` : ''
  }`)
}
