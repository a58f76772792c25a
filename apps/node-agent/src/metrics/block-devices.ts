import { readNow } from '../host/read-now.ts'

/** Names of block devices, `8:0` → `/dev/sda`; the numbers themselves where the kernel knows no name. Asked once each. */
export function blockDevices(sysRoot = '/sys'): (device: string) => string {
  const names = new Map<string, string>()
  return (device) => {
    let name = names.get(device)
    if (name === undefined) {
      const found = /^DEVNAME=(.+)$/m.exec(readNow(`${sysRoot}/dev/block/${device}/uevent`))?.[1]
      name = found === undefined ? device : `/dev/${found}`
      names.set(device, name)
    }
    return name
  }
}
