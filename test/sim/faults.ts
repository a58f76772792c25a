import type { MessageFaults } from '../../packages/link/src/memory-link.ts'
import type { SimCluster } from './sim-cluster.ts'
import type { SimNode } from './sim-node.ts'

/** What may go wrong, as a rate from 0 to 1 per step; per node where it happens to nodes. */
export interface Faults {
  /** The link breaks at once, or passes nothing for a while. */
  readonly dropLink: number
  readonly crashAgent: number
  readonly losePower: number
  readonly crashContainer: number
  readonly restartControlPlane: number
  readonly messages: MessageFaults
}

export const NO_FAULTS: Faults = {
  dropLink: 0,
  crashAgent: 0,
  losePower: 0,
  crashContainer: 0,
  restartControlPlane: 0,
  messages: { loss: 0, repeat: 0, reorder: 0, reorderMs: 2_000, delayMs: 0 },
}

/** Most outages are short, some last minutes. */
const outageMs = (chance: () => number): number => 200 + 120_000 * chance() ** 4

/** Rolls the dice once for everything that may happen. What breaks mends itself later. */
export function injectFaults(cluster: SimCluster, faults: Faults, chance: () => number): void {
  const happens = (rate: number): boolean => rate > 0 && chance() < rate
  for (const node of cluster.nodes) {
    if (happens(faults.dropLink)) dropLink(cluster, node, chance)
    if (happens(faults.crashAgent))
      after(
        cluster,
        outageMs(chance),
        () => node.start(),
        () => stopAgent(cluster, node, 'crash'),
      )
    if (happens(faults.losePower))
      after(
        cluster,
        outageMs(chance),
        () => node.start(),
        () => stopAgent(cluster, node, 'losePower'),
      )
    if (happens(faults.crashContainer)) crashContainer(cluster, node, chance)
  }
  if (happens(faults.restartControlPlane) && cluster.controlPlane.client)
    after(
      cluster,
      outageMs(chance),
      () => cluster.controlPlane.start(),
      () => {
        cluster.log.info('fault: the control plane is killed')
        cluster.controlPlane.kill()
      },
    )
}

function dropLink({ link, log, clock }: SimCluster, { name }: SimNode, chance: () => number): void {
  if (chance() < 0.5) {
    log.info('fault: link cut', { node: name })
    return link.cut(name)
  }
  log.info('fault: link silent', { node: name })
  link.silence(name)
  void clock.sleep(outageMs(chance)).then(() => link.heal(name))
}

function stopAgent({ link, log }: SimCluster, node: SimNode, how: 'crash' | 'losePower'): void {
  log.info(how === 'crash' ? 'fault: agent crashes' : 'fault: power cut', { node: node.name })
  if (how === 'crash') node.crash()
  else node.losePower()
  link.cut(node.name)
}

function crashContainer({ log }: SimCluster, { name, runtime }: SimNode, chance: () => number): void {
  const running = runtime.running()
  const victim = running[Math.floor(chance() * running.length)]
  if (!victim) return
  log.info('fault: container crashes', { node: name, container: victim.id.slice(0, 8) })
  runtime.crash(victim.id, 1)
}

function after({ clock }: SimCluster, ms: number, mend: () => void | Promise<void>, breakIt: () => void): void {
  breakIt()
  void clock.sleep(ms).then(mend)
}
