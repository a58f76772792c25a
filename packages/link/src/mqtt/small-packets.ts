import './packet-lengths.ts'
import { writeToStream } from 'mqtt-packet'

/** The MQTT library keeps a buffer for each of the 65 536 numbers that a packet may hold, 8 MB, to save a microsecond. Not here. */
export function keepNoNumbers(): void {
  writeToStream.cacheNumbers = false
}
