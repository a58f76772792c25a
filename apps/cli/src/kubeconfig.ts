import { parseServerConfig } from '../../control-plane/src/config.ts'
import { readKubeconfig } from './cluster.ts'

/** Prints the admin kubeconfig on stdout. */
export function kubeconfig(given: Record<string, unknown>): void {
  process.stdout.write(readKubeconfig(parseServerConfig(given).dataDirectory))
}
