declare module 'mqtt-packet/numbers.js' {
  const numbers: {
    /** A whole number as MQTT writes the lengths of packets. */
    genBufVariableByteInt: (value: number) => Buffer
  }
  export = numbers
}
