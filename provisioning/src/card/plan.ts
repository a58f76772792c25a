import { type Card, CardError } from './card.ts'
import { instanceId, mergeMetaData, mergeNetworkConfig, mergeUserData } from './cloud-init.ts'
import { CGROUP_EDITS, type CmdlineEdit, editCmdline } from './cmdline.ts'
import { withWatchdog } from './config-txt.ts'
import { type BootFolder, isRaspberryPiOs, recogniseLayout, type Scheme } from './layout.ts'
import { type BundleOnCard, renderNodeEnv } from './node-env.ts'

export interface TextFile {
  readonly path: string
  readonly content: string
}

/** What is to be written on one card, beside the large files that every card of a batch has alike. */
export interface CardPlan {
  readonly scheme: Scheme
  /** In this order: what starts the rest comes last. */
  readonly texts: readonly TextFile[]
}

/** Both places where the partition may be mounted, `-` because one of them is not there. See systemd-run-generator(8). */
const FIRSTRUN_EDITS: readonly CmdlineEdit[] = [
  { add: 'systemd.run=-/boot/firmware/bramble/firstrun.sh', before: 'systemd.run=' },
  { add: 'systemd.run=-/boot/bramble/firstrun.sh', before: 'systemd.run=' },
  { set: 'systemd.run_success_action=reboot' },
]

/** @param firstrun The text of provisioning/node/firstrun.sh. @throws CardError for a layout or a file that nothing can be added to. */
export function planCard(boot: BootFolder, card: Card, bundle: BundleOnCard | undefined, firstrun: string): CardPlan {
  const { scheme, cmdlines } = recogniseLayout(boot)
  if (!bundle && scheme !== 'bramble')
    throw new CardError('the image has no release of bramble inside, so the card must bring one: leave --no-bundle out')
  const text = (name: string): string => boot.texts.get(name) ?? ''
  const texts: TextFile[] = [{ path: 'bramble/node.env', content: renderNodeEnv(card, bundle) }]
  const edits = [...CGROUP_EDITS, ...(card.country === undefined ? [] : [{ set: `cfg80211.ieee80211_regdom=${card.country}` }])]
  if (scheme === 'cloud-init') {
    texts.push({ path: 'user-data', content: mergeUserData(text('user-data'), card) })
    texts.push({ path: 'meta-data', content: mergeMetaData(text('meta-data'), card) })
    const network = mergeNetworkConfig(text('network-config'), card)
    if (network !== undefined) texts.push({ path: 'network-config', content: network })
    if (isRaspberryPiOs(boot) || cmdlines.some((path) => /\bds=nocloud/.test(text(path))))
      edits.push({ set: `ds=nocloud;i=${instanceId(card)}` })
  }
  if (scheme === 'firstrun' || scheme === 'debian') {
    texts.push({ path: 'bramble/firstrun.sh', content: firstrun })
    edits.push(...FIRSTRUN_EDITS)
  }
  texts.push({ path: 'config.txt', content: withWatchdog(text('config.txt')) })
  for (const path of cmdlines) texts.push({ path, content: editCmdline(text(path), edits) })
  return { scheme, texts: texts.filter(({ path, content }) => boot.texts.get(path) !== content) }
}
