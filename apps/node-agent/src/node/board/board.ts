import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@bramble/reconcile/env'
import { readNow } from '../../host/read-now.ts'
import { boardNumbers, celsius, lifeUsedRatio, reserveState, type ThrottleBits, throttleBits, type WifiLink, wifiLinks } from './texts.ts'

export interface PowerReading {
  /** Absent where nothing measures it. */
  readonly underVoltage?: boolean
  /** Absent where the firmware does not tell. */
  readonly throttling?: ThrottleBits
}

export interface StorageReading {
  /** `mmcblk0`. */
  readonly device: string
  /** `SD` or `MMC`. */
  readonly type: string
  readonly name: string
  readonly manufacturer: string
  /** Of its making, `03/2020`. */
  readonly date: string
  /** Absent on SD cards, which do not say. */
  readonly lifeUsedRatio?: number
  readonly reserveState?: 1 | 2 | 3
}

export interface BoardReading {
  readonly model?: string
  readonly revision?: string
  readonly temperatures: readonly { readonly sensor: string; readonly celsius: number }[]
  readonly power: PowerReading
  readonly storage: readonly StorageReading[]
  readonly wifi: readonly WifiLink[]
}

/** Flash wears over months. */
const STORAGE_MS = 3_600_000

/** What the board tells of itself in /proc and /sys. What a board does not have is absent. */
export class Board {
  readonly #root: string
  readonly #clock: Clock
  /** Where the firmware tells, and where the sensor is; looked for once. */
  #sources: { readonly throttling?: string; readonly alarm?: string } | undefined
  #storage: { readonly atMs: number; readonly readings: readonly StorageReading[] } | undefined

  /** @param root Another one for tests. */
  constructor(clock: Clock, root = '/') {
    this.#clock = clock
    this.#root = root
  }

  /** A file or two. */
  power(): PowerReading {
    this.#sources ??= this.#findSources()
    const throttling = this.#sources.throttling === undefined ? undefined : throttleBits(this.#read(this.#sources.throttling))
    const alarm = this.#sources.alarm === undefined ? '' : this.#read(this.#sources.alarm).trim()
    const underVoltage = alarm === '' ? throttling?.underVoltage : alarm === '1' || throttling?.underVoltage === true
    return { ...(throttling && { throttling }), ...(underVoltage !== undefined && { underVoltage }) }
  }

  /** Read once an hour, however often it is asked for. */
  storage(): readonly StorageReading[] {
    const atMs = this.#clock.monotonicMs()
    if (!this.#storage || atMs - this.#storage.atMs >= STORAGE_MS) this.#storage = { atMs, readings: this.#readStorage() }
    return this.#storage.readings
  }

  /** Everything. */
  read(): BoardReading {
    const { model, revision } = this.identity()
    return {
      ...(model !== undefined && { model }),
      ...(revision !== undefined && { revision }),
      temperatures: this.#names('sys/class/thermal', /^thermal_zone\d+$/).flatMap((zone) => {
        const value = celsius(this.#read(`sys/class/thermal/${zone}/temp`))
        return value === undefined ? [] : [{ sensor: this.#line(`sys/class/thermal/${zone}/type`) || zone, celsius: value }]
      }),
      power: this.power(),
      storage: this.storage(),
      wifi: wifiLinks(this.#read('proc/net/wireless')),
    }
  }

  /** What the board is called, where it has a device tree. */
  identity(): { readonly model?: string; readonly revision?: string; readonly serial?: string } {
    const model = this.#line('proc/device-tree/model')
    if (model === '') return {} // other machines have serial numbers of their own kind
    const serial = this.#line('proc/device-tree/serial-number')
    return { model, ...boardNumbers(this.#read('proc/cpuinfo')), ...(serial !== '' && { serial }) }
  }

  #findSources(): { readonly throttling?: string; readonly alarm?: string } {
    const places = 'sys/devices/platform'
    const throttling = this.#names(places, /^soc/)
      .flatMap((soc) => this.#names(`${places}/${soc}`, /firmware$/).map((firmware) => `${places}/${soc}/${firmware}/get_throttled`))
      .find((path) => this.#read(path) !== '')
    const sensor = this.#names('sys/class/hwmon', /^hwmon\d+$/).find((each) => this.#line(`sys/class/hwmon/${each}/name`) === 'rpi_volt')
    return {
      ...(throttling !== undefined && { throttling }),
      ...(sensor !== undefined && { alarm: `sys/class/hwmon/${sensor}/in0_lcrit_alarm` }),
    }
  }

  #readStorage(): readonly StorageReading[] {
    return this.#names('sys/block', /^mmcblk\d+$/).map((device) => {
      const of = (file: string): string => this.#line(`sys/block/${device}/device/${file}`)
      const life = lifeUsedRatio(of('life_time'))
      const reserve = reserveState(of('pre_eol_info'))
      return {
        device,
        type: of('type'),
        name: of('name'),
        manufacturer: of('manfid'),
        date: of('date'),
        ...(life !== undefined && { lifeUsedRatio: life }),
        ...(reserve !== undefined && { reserveState: reserve }),
      }
    })
  }

  #names(folder: string, wanted: RegExp): readonly string[] {
    try {
      return readdirSync(join(this.#root, folder))
        .filter((name) => wanted.test(name))
        .sort()
    } catch {
      return []
    }
  }

  #line(path: string): string {
    return this.#read(path).replace(/\0/g, '').trim()
  }

  #read(path: string): string {
    return readNow(join(this.#root, path))
  }
}
