interface Plugin {
  readonly type: string
  readonly name: string
  readonly endpoint: string
  readonly supportedVersions: readonly string[]
}

/**
 * Why a plugin is not taken in; undefined when it is. Pure.
 * @param taken Versions of the driver that has the name already.
 * @see Source: kubelet pluginmanager; pkg/volume/csi validateVersions; CSI "GetPluginInfo" for names.
 */
export function pluginProblem(
  socketPath: string,
  { type, name, endpoint, supportedVersions }: Plugin,
  taken: readonly string[] | undefined,
): string | undefined {
  if (type !== 'CSIPlugin')
    return `RegisterPlugin error -- no handler registered for plugin type: ${type.slice(0, TEXT_MAX)} at socket ${socketPath}`
  const invalid = (why: string): string => `RegisterPlugin error -- plugin validation failed with err: kubernetes.io/csi: ${why}`
  if (!DRIVER_NAME.test(name))
    return invalid(`driver name ${JSON.stringify(name.slice(0, TEXT_MAX))} must be at most 63 letters, digits, "-" and "."`)
  const failed = `ValidatePlugin for CSI driver "${name}" failed. `
  if (endpoint !== '' && !endpoint.startsWith('/')) return invalid(`${failed}Its endpoint must be the path of a socket`)
  if (supportedVersions.length === 0) return invalid(`${failed}Plugin returned an empty list for supported versions`)
  const version = highest(supportedVersions)
  const shown = supportedVersions
    .map((each) => JSON.stringify(each))
    .join(' ')
    .slice(0, TEXT_MAX)
  if (!version)
    return invalid(`${failed}None of the versions specified [${shown}] are supported. err=could not find a highest supported version`)
  const other = highest(taken ?? [])
  if (other && compare(other, version) > 0)
    return invalid(`${failed}Another driver with the same name is already registered with a higher supported version: "${other.join('.')}"`)
  return undefined
}

const TEXT_MAX = 200
const DRIVER_NAME = /^[A-Za-z0-9]([-A-Za-z0-9.]{0,61}[A-Za-z0-9])?$/
type Version = readonly [number, number, number]

/** Of those that are spoken here: 1.x. */
const highest = (versions: readonly string[]): Version | undefined =>
  versions
    .flatMap((text): readonly Version[] => {
      const [, major, minor, patch = '0'] = /^v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text) ?? []
      return major === '1' ? [[1, Number(minor), Number(patch)]] : []
    })
    .sort(compare)
    .at(-1)

const compare = (a: Version, b: Version): number => a[1] - b[1] || a[2] - b[2]
