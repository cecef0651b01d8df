/**
 * Capture filters as the data path runs them: a tree of conditions, plain data that crosses threads, made into one function of
 * a frame's headers. People write them as text (control/capture/filter-text.ts).
 */
import { ADDRESS_WORDS, type FrameHeaders } from './frame-headers.ts';

export type Side = 'source' | 'destination' | 'either';

export type Filter =
  | { is: 'and' | 'or'; left: Filter; right: Filter }
  | { is: 'not'; of: Filter }
  | { is: 'ethertype'; value: number }
  /** Protocol number behind the IP header, of either version. */
  | { is: 'protocol'; value: number }
  /** The first two bytes, and the other four as a signed integer. */
  | { is: 'mac'; side: Side; high: number; low: number }
  /** Words in network order, as signed integers; IPv4 has one. */
  | { is: 'address'; side: Side; family: 4 | 6; words: readonly number[]; masks: readonly number[] }
  /** TCP, UDP or SCTP, from `from` to `to`, both included. */
  | { is: 'port'; side: Side; from: number; to: number }
  | { is: 'vlan'; vlan: number }
  | { is: 'broadcast' }
  /** To a group address, broadcasts included. */
  | { is: 'multicast' };

export type Predicate = (headers: FrameHeaders) => boolean;

const GROUP_BIT_OF_HIGH = 0x0100;

export function compileFilter(filter: Filter): Predicate {
  switch (filter.is) {
    case 'and': {
      const [left, right] = [compileFilter(filter.left), compileFilter(filter.right)];
      return (headers) => left(headers) && right(headers);
    }
    case 'or': {
      const [left, right] = [compileFilter(filter.left), compileFilter(filter.right)];
      return (headers) => left(headers) || right(headers);
    }
    case 'not': {
      const of = compileFilter(filter.of);
      return (headers) => !of(headers);
    }
    case 'ethertype': {
      const { value } = filter;
      return ({ etherType }) => etherType === value;
    }
    case 'protocol': {
      const { value } = filter;
      return ({ protocol }) => protocol === value;
    }
    case 'vlan': {
      const { vlan } = filter;
      return (headers) => headers.vlan === vlan;
    }
    case 'broadcast':
      return ({ destinationHigh, destinationLow }) => destinationHigh === 0xffff && destinationLow === -1;
    case 'multicast':
      return ({ destinationHigh }) => destinationHigh >= 0 && (destinationHigh & GROUP_BIT_OF_HIGH) !== 0;
    case 'mac':
      return compileMac(filter);
    case 'port':
      return compilePort(filter);
    case 'address':
      return compileAddress(filter);
  }
}

function compileMac({ side, high, low }: Extract<Filter, { is: 'mac' }>): Predicate {
  const source: Predicate = ({ sourceHigh, sourceLow }) => sourceHigh === high && sourceLow === low;
  const destination: Predicate = ({ destinationHigh, destinationLow }) =>
    destinationHigh === high && destinationLow === low;
  return onSide(side, source, destination);
}

function compilePort({ side, from, to }: Extract<Filter, { is: 'port' }>): Predicate {
  const source: Predicate = ({ sourcePort }) => sourcePort >= from && sourcePort <= to;
  const destination: Predicate = ({ destinationPort }) => destinationPort >= from && destinationPort <= to;
  return onSide(side, source, destination);
}

function compileAddress({ side, family, words, masks }: Extract<Filter, { is: 'address' }>): Predicate {
  const [word, mask] = [words[0]!, masks[0]!];
  const matches = (address: Int32Array): boolean => {
    if ((address[0]! & mask) !== word) return false;
    for (let k = 1; k < ADDRESS_WORDS && k < words.length; k++) {
      if ((address[k]! & masks[k]!) !== words[k]) return false;
    }
    return true;
  };
  const source: Predicate = (headers) => headers.family === family && matches(headers.sourceAddress);
  const destination: Predicate = (headers) => headers.family === family && matches(headers.destinationAddress);
  return onSide(side, source, destination);
}

function onSide(side: Side, source: Predicate, destination: Predicate): Predicate {
  if (side === 'source') return source;
  if (side === 'destination') return destination;
  return (headers) => source(headers) || destination(headers);
}
