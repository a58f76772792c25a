import { dirname, join } from 'node:path'

/** Where Debian's package and others put CNI plugins. */
export const SYSTEM_PLUGIN_FOLDERS: readonly string[] = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']

/** Those of our own release, beside its Node.js: for machines without the package. Container runtimes do not look there. */
export const OWN_PLUGIN_FOLDER = join(dirname(process.execPath), 'cni')
