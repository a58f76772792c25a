// Pure: what a board tells of itself, for Prometheus.
import { type Family, type Sample, single } from '@bramble/reconcile/metrics/family'
import type { BoardReading, StorageReading } from './board.ts'

/** Families of what there is; nothing where nobody looks at the board. */
export function boardFamilies(reading: BoardReading | undefined): readonly Family[] {
  if (!reading) return []
  const { model, revision = '', temperatures, power, storage, wifi } = reading
  const { underVoltage, throttling } = power
  const flag = (name: string, help: string, value: boolean | undefined): readonly Family[] =>
    value === undefined ? [] : [single('gauge', `bramble_node_${name}`, help, Number(value))]
  const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name: `bramble_${name}`,
    help,
    type: 'gauge',
    samples,
  })
  const wear = (amountOf: (each: StorageReading) => number | undefined): readonly Sample[] =>
    storage.flatMap((each): readonly Sample[] => {
      const value = amountOf(each)
      return value === undefined ? [] : [{ labels: { device: each.device }, value }]
    })
  return [
    ...(model === undefined ? [] : [single('gauge', 'bramble_board_info', 'The board that this node is.', 1, { model, revision })]),
    gauge(
      'node_temperature_celsius',
      'Temperature by sensor.',
      temperatures.map(({ sensor, celsius }) => ({ labels: { sensor }, value: celsius })),
    ),
    ...flag('undervoltage', 'Whether the supply voltage is too low just now.', underVoltage),
    ...flag('throttled', 'Whether the firmware slows the processor down just now.', throttling?.slowed),
    ...flag(
      'undervoltage_since_boot',
      'Whether the supply voltage was too low at any time since the start.',
      throttling?.underVoltageSinceBoot,
    ),
    ...flag(
      'throttled_since_boot',
      'Whether the firmware slowed the processor down at any time since the start.',
      throttling?.slowedSinceBoot,
    ),
    gauge(
      'storage_info',
      'SD cards and eMMC.',
      storage.map(({ device, type, name, manufacturer, date }) => ({ labels: { device, type, name, manufacturer, date }, value: 1 })),
    ),
    gauge(
      'storage_life_used_ratio',
      'How much of its life a flash chip has used, in tenths rounded up.',
      wear(({ lifeUsedRatio }) => lifeUsedRatio),
    ),
    gauge(
      'storage_reserve_state',
      'Reserve of a flash chip: 1 normal, 2 low, 3 urgent.',
      wear(({ reserveState }) => reserveState),
    ),
    gauge(
      'wifi_signal_dbm',
      'Strength of the Wi-Fi signal.',
      wifi.map(({ device, signalDbm }) => ({ labels: { device }, value: signalDbm })),
    ),
    gauge(
      'wifi_link_quality',
      'Quality of the Wi-Fi link as its driver counts it.',
      wifi.map(({ device, quality }) => ({ labels: { device }, value: quality })),
    ),
  ]
}
