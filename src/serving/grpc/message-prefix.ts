/** Bytes before every message of a gRPC stream: u8 whether it is compressed · u32 length (big-endian). */
export const MESSAGE_PREFIX = 5;

/** Fills in the prefix of an uncompressed message that was written behind room for it. */
export function sealMessage(message: Buffer): Buffer {
  message[0] = 0;
  message.writeUInt32BE(message.length - MESSAGE_PREFIX, 1);
  return message;
}
