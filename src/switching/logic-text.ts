/** Addresses between text and the integers that a logic works with; for `create`, not for frames. */

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

/** The first two bytes of a MAC address. @throws RangeError where the text is none */
export function macHigh(text: string): number {
  return parseInt(macDigits(text).slice(0, 4), 16);
}

/** The other four. */
export function macLow(text: string): number {
  return parseInt(macDigits(text).slice(4), 16) | 0;
}

function macDigits(text: string): string {
  if (!MAC.test(text)) throw new RangeError(`${JSON.stringify(text)} is no MAC address like 02:00:00:00:00:01`);
  return text.replaceAll(':', '');
}

/** An IPv4 address as one integer. @throws RangeError where the text is none */
export function ipv4(text: string): number {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number) ?? [];
  if (parts.length !== 4 || parts.some((part) => part > 255)) {
    throw new RangeError(`${JSON.stringify(text)} is no IPv4 address like 10.0.0.1`);
  }
  return parts.reduce((address, part) => (address << 8) | part, 0);
}

export function macText(high: number, low: number): string {
  const digits = (high & 0xffff).toString(16).padStart(4, '0') + (low >>> 0).toString(16).padStart(8, '0');
  return digits.replace(/..(?=.)/g, '$&:');
}

export function ipv4Text(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}
