// Pure: what single-board computers tell of themselves, out of the kernel's texts.

/** What a Raspberry Pi's firmware holds against its supply and its cooling. Source: Raspberry Pi documentation, "vcgencmd get_throttled". */
export interface ThrottleBits {
  readonly underVoltage: boolean
  /** Slowed down for whatever reason: too little voltage, or too hot. */
  readonly slowed: boolean
  readonly underVoltageSinceBoot: boolean
  readonly slowedSinceBoot: boolean
}

const UNDER_VOLTAGE = 1
/** Frequency capped, throttled, soft temperature limit. */
const SLOWED = 2 | 4 | 8
const SINCE_BOOT = 16

/** Of `get_throttled`: a hexadecimal number; undefined when it is none. */
export function throttleBits(text: string): ThrottleBits | undefined {
  const hex = /^(?:0x)?([0-9a-f]{1,8})\s*$/i.exec(text)?.[1]
  if (hex === undefined) return undefined
  const bits = Number.parseInt(hex, 16)
  const since = bits >>> SINCE_BOOT
  return {
    underVoltage: (bits & UNDER_VOLTAGE) !== 0,
    slowed: (bits & SLOWED) !== 0,
    underVoltageSinceBoot: (since & UNDER_VOLTAGE) !== 0,
    slowedSinceBoot: (since & SLOWED) !== 0,
  }
}

/**
 * How much of its life a flash chip has used, of `life_time`: the worse of its two kinds of cells, in tenths that are rounded up;
 * undefined when it does not say. Source: JEDEC JESD84-B51, "DEVICE_LIFE_TIME_EST_TYP_A".
 */
export function lifeUsedRatio(text: string): number | undefined {
  const tenths = Math.max(0, ...hexNumbers(text).filter((number) => number <= 11))
  return tenths === 0 ? undefined : Math.min(10, tenths) / 10
}

/** Of `pre_eol_info`, the blocks kept in reserve: 1 normal, 2 most are used up, 3 urgent; undefined when it does not say. Source: as above, "PRE_EOL_INFO". */
export function reserveState(text: string): 1 | 2 | 3 | undefined {
  const [state] = hexNumbers(text)
  return state === 1 || state === 2 || state === 3 ? state : undefined
}

const hexNumbers = (text: string): readonly number[] => [...text.matchAll(/0x([0-9a-f]+)/gi)].map(([, hex]) => Number.parseInt(hex!, 16))

export interface WifiLink {
  readonly device: string
  readonly signalDbm: number
  /** As the driver counts it, most of them up to 70. */
  readonly quality: number
}

/** Of /proc/net/wireless. Devices that are not connected have no signal and are left out. Source: Linux, net/wireless/wext-proc.c. */
export const wifiLinks = (text: string): readonly WifiLink[] =>
  [...text.matchAll(/^\s*(\S+):\s+[0-9a-f]{4}\s+(\d+)\.?\s+(-?\d+)\.?\s/gm)].flatMap(([, device, quality, level]) =>
    Number(level) < 0 && Number(level) > -256 ? [{ device: device!, signalDbm: Number(level), quality: Number(quality) }] : [],
  )

/** `54213` → 54.213; undefined when the sensor has nothing to say. */
export const celsius = (text: string): number | undefined => (/^-?\d+\s*$/.test(text) ? Number(text) / 1000 : undefined)

/** Revision and serial number of a Raspberry Pi, of /proc/cpuinfo. */
export const boardNumbers = (cpuinfo: string): { readonly revision?: string; readonly serial?: string } => {
  const revision = /^Revision\s*: *([0-9a-f]+)$/m.exec(cpuinfo)?.[1]
  const serial = /^Serial\s*: *([0-9a-f]+)$/m.exec(cpuinfo)?.[1]
  return { ...(revision !== undefined && { revision }), ...(serial !== undefined && { serial }) }
}
