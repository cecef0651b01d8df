/**
 * Capture filters as people write them: the part of libpcap's language (pcap-filter(7)) that a switch's user meets daily. No
 * package of npm has one, and libpcap's compiler makes programs for sockets, not for this data path.
 *
 *   filter  = term { ("or" | "||") term }
 *   term    = factor { ("and" | "&&") factor }
 *   factor  = ("not" | "!") factor | "(" filter ")" | condition
 */
import ipaddr from 'ipaddr.js';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../frame/ethernet.ts';
import type { Filter, Side } from '../../frame/filter.ts';
import { VID_MAX } from '../../limits.ts';
import { TswitchError } from '../errors.ts';

export const FILTER_CHARACTERS_MAX = 1000;
/** Nested brackets and negations: the tree is walked by recursion. */
const DEPTH_MAX = 50;

const ETHERTYPES: Readonly<Record<string, number>> = {
  ip: ETHERTYPE_IPV4,
  arp: ETHERTYPE_ARP,
  ip6: ETHERTYPE_IPV6,
  lldp: 0x88cc,
  lacp: 0x8809,
  eapol: 0x888e,
};
const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, igmp: 2, tcp: 6, udp: 17, icmp6: 58, sctp: 132 };
const SIDES: Readonly<Record<string, Side>> = { src: 'source', dst: 'destination' };
const OPERATORS = new Set(['and', 'or', '&&', '||', ')']);
const EXAMPLES = 'like "tcp port 443 and host 10.0.0.2" or "arp or ether host 02:00:00:00:00:01"';

/** @throws TswitchError BAD_REQUEST that says where the text stops making sense */
export function parseFilter(text: string): Filter {
  if (text.length > FILTER_CHARACTERS_MAX) refuse(`it is longer than ${FILTER_CHARACTERS_MAX} characters`);
  const words = text.match(/&&|\|\||[()!]|[^\s()!&|]+|./gs)?.filter((word) => word.trim() !== '') ?? [];
  if (words.length === 0) refuse(`it is empty; write one ${EXAMPLES}, or leave it out`);
  return new Parser(words).parse();
}

function refuse(why: string): never {
  throw new TswitchError('BAD_REQUEST', `filter: ${why}`);
}

class Parser {
  readonly #words: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  parse(): Filter {
    const filter = this.#filter();
    if (this.#at < this.#words.length) this.#refuseWord('expected "and", "or" or the end');
    return filter;
  }

  #filter(): Filter {
    let filter = this.#term();
    while (this.#take('or', '||')) filter = { is: 'or', left: filter, right: this.#term() };
    return filter;
  }

  #term(): Filter {
    let term = this.#factor();
    while (this.#take('and', '&&')) term = { is: 'and', left: term, right: this.#factor() };
    return term;
  }

  #factor(): Filter {
    if (++this.#depth > DEPTH_MAX) refuse(`brackets and negations are nested more than ${DEPTH_MAX} deep`);
    const factor = this.#takeFactor();
    this.#depth--;
    return factor;
  }

  #takeFactor(): Filter {
    if (this.#take('not', '!')) return { is: 'not', of: this.#factor() };
    if (!this.#take('(')) return this.#condition();
    const inner = this.#filter();
    if (!this.#take(')')) this.#refuseWord('expected ")"');
    return inner;
  }

  /** `tcp port 80` means `tcp and port 80`. */
  #condition(): Filter {
    const name = this.#peek();
    const etherType = own(ETHERTYPES, name);
    const protocol = own(PROTOCOLS, name);
    if (etherType === undefined && protocol === undefined) return this.#qualified('either');
    this.#at++;
    const first: Filter =
      protocol === undefined ? { is: 'ethertype', value: etherType! } : { is: 'protocol', value: protocol };
    const next = this.#peek();
    if (next === '' || OPERATORS.has(next)) return first;
    return { is: 'and', left: first, right: this.#qualified('either') };
  }

  #qualified(side: Side): Filter {
    const word = this.#next();
    const sided = own(SIDES, word);
    if (sided !== undefined && side === 'either') {
      return this.#startsQualifier() ? this.#qualified(sided) : this.#address(sided, this.#next());
    }
    switch (word) {
      case 'host':
      case 'net':
        return this.#address(side, this.#next());
      case 'port':
      case 'portrange':
        return this.#ports(side, this.#next());
      case 'ether':
        return this.#ether(side);
      case 'ethertype':
        return { is: 'ethertype', value: this.#number('an EtherType', 0xffff) };
      case 'proto':
        return { is: 'protocol', value: this.#number('a protocol number', 0xff) };
      case 'vlan':
        return { is: 'vlan', vlan: this.#number('a VLAN', VID_MAX) };
      case 'broadcast':
      case 'multicast':
        return { is: word };
    }
    this.#at--;
    return this.#refuseWord(`expected a condition, ${EXAMPLES}`);
  }

  #startsQualifier(): boolean {
    return ['host', 'net', 'port', 'portrange', 'ether'].includes(this.#peek());
  }

  /** Behind `ether`: host, src, dst, proto, broadcast, multicast, or an address. */
  #ether(outer: Side): Filter {
    const side = own(SIDES, this.#peek()) ?? outer;
    if (own(SIDES, this.#peek()) !== undefined) this.#at++;
    if (this.#take('proto')) return { is: 'ethertype', value: this.#number('an EtherType', 0xffff) };
    if (this.#take('broadcast')) return { is: 'broadcast' };
    if (this.#take('multicast')) return { is: 'multicast' };
    this.#take('host');
    const text = this.#next();
    const bytes = /^[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}$/i.test(text)
      ? text.split(':').map((byte) => parseInt(byte, 16))
      : this.#refuseValue(text, 'a MAC address, like 02:00:00:00:00:01');
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
    return { is: 'mac', side, high: (a << 8) | b, low: (c << 24) | (d << 16) | (e << 8) | f };
  }

  #address(side: Side, text: string): Filter {
    const what = 'an IP address or a network, like 10.0.0.1 or fd00::/64';
    const [host = '', length] = text.split('/');
    // Not the short forms: 10.1 means 10.0.0.1 to some and 10.1.0.0/16 to others.
    const isWritten = ipaddr.IPv4.isValidFourPartDecimal(host) || (host.includes(':') && ipaddr.IPv6.isValid(host));
    if (!isWritten || host.includes('%')) this.#refuseValue(text, what);
    const address = ipaddr.parse(host);
    const bytes = address.toByteArray();
    const prefix = length === undefined ? bytes.length * 8 : Number(/^[0-9]{1,3}$/.exec(length)?.[0] ?? Number.NaN);
    if (!(prefix <= bytes.length * 8)) this.#refuseValue(text, what);
    const masks = wordsOf(bytes.map((_, k) => (0xff << (8 - Math.min(8, Math.max(0, prefix - 8 * k)))) & 0xff));
    const words = wordsOf(bytes).map((word, k) => word & masks[k]!);
    return { is: 'address', side, family: address.kind() === 'ipv4' ? 4 : 6, words, masks };
  }

  #ports(side: Side, text: string): Filter {
    const [, from, to] = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text) ?? [];
    const range = { from: Number(from), to: Number(to ?? from) };
    if (!(range.from <= range.to && range.to <= 0xffff))
      this.#refuseValue(text, 'a port or a range, like 80 or 6000-6010');
    return { is: 'port', side, ...range };
  }

  #number(what: string, max: number): number {
    const text = this.#next();
    const value = /^(0x[0-9a-f]{1,4}|[0-9]{1,5})$/i.test(text) ? Number(text) : Number.NaN;
    return value <= max ? value : this.#refuseValue(text, `${what}, 0 to ${max}`);
  }

  #peek(): string {
    return this.#words[this.#at]?.toLowerCase() ?? '';
  }

  #next(): string {
    const word = this.#peek();
    this.#at++;
    return word;
  }

  #take(...words: string[]): boolean {
    if (!words.includes(this.#peek())) return false;
    this.#at++;
    return true;
  }

  #refuseWord(expected: string): never {
    const word = this.#words[this.#at];
    refuse(
      `${word === undefined ? 'it ends too early' : `"${word}" is not understood (word ${this.#at + 1})`}: ${expected}`,
    );
  }

  #refuseValue(text: string, what: string): never {
    refuse(text === '' ? `it ends where ${what} is expected` : `"${text}" is not ${what} (word ${this.#at})`);
  }
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Bytes in network order to signed words. */
function wordsOf(bytes: readonly number[]): number[] {
  const words: number[] = [];
  for (let k = 0; k < bytes.length; k += 4) {
    words.push((bytes[k]! << 24) | (bytes[k + 1]! << 16) | (bytes[k + 2]! << 8) | bytes[k + 3]!);
  }
  return words;
}
