import type { ReleaseArch } from '../../provisioning/src/release/release-name.ts'

/** What Debian and the GNU tools call the processors. */
export const PLATFORMS: Readonly<Record<ReleaseArch, { readonly debian: string; readonly triple: string }>> = {
  arm64: { debian: 'arm64', triple: 'aarch64-linux-gnu' },
  x64: { debian: 'amd64', triple: 'x86_64-linux-gnu' },
}
