// How a node's device is known: what the control plane notes of the machine that joined. Agents cannot change it.

/** SHA-256 of the device's public key, hex: only this device may use the node's name. */
export const DEVICE_KEY = 'bramble.dev/device-key'
/** Of the board, hexadecimal. */
export const DEVICE_SERIAL = 'bramble.dev/serial'
/** machine-id(5), hashed for us alone. */
export const DEVICE_MACHINE = 'bramble.dev/machine'
export const DEVICE_MODEL = 'bramble.dev/model'
/** `"true"`: the next device that asks for the node's name gets it; removed then. */
export const READOPT = 'bramble.dev/readopt'

/** Signs requests of devices that want a name which another key has; they are named after the node. */
export const ENROLMENT_SIGNER = 'bramble.dev/node-enrolment'
/** Of such a request: where it came from, and with which token. */
export const REQUEST_ADDRESS = 'bramble.dev/address'
export const REQUEST_TOKEN = 'bramble.dev/join-token'

/** ConfigMap in kube-system of devices that were removed: `<device key>` to `<node name> <when>`. They may not connect. */
export const REMOVED_DEVICES = 'removed-devices'
