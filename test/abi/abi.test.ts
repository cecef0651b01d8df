/**
 * Every number in native-bindings/abi is what the C compiler makes of the installed headers. Nothing can be left out: the
 * test walks the folder and all that its files export, and what C does not know by its name (test/abi/c-names.ts) fails.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Newer } from '../../native-bindings/abi/newer.ts';
import * as vnetHeader from '../../src/frame/vnet-header.ts';
import { C_NAMES, structExpressions } from './c-names.ts';
import type { CNames } from './c-names.ts';
import { compilesInC, evaluateInC } from './c-numbers.ts';

const ABI = new URL('../../native-bindings/abi/', import.meta.url);
/** Declares types only. */
const WITHOUT_NUMBERS = ['newer.ts'];

type Table = Readonly<Record<string, number>>;

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && Object.values(value).every((at) => typeof at === 'number');
}

interface AbiFile {
  file: string;
  constants: Table;
  structs: Readonly<Record<string, Table>>;
  newer: Newer;
}

async function read(file: string): Promise<AbiFile> {
  const exported = (await import(new URL(file, ABI).href)) as Record<string, unknown>;
  const constants: Record<string, number> = {};
  const structs: Record<string, Table> = {};
  for (const [name, value] of Object.entries(exported)) {
    if (name === 'NEWER') continue;
    if (typeof value === 'number') constants[name] = value;
    else if (isTable(value)) structs[name] = value;
    else throw new Error(`${file}: ${name} is neither a number nor a table of offsets`);
  }
  return { file, constants, structs, newer: (exported['NEWER'] ?? {}) as Newer };
}

/** Everything in one flat record, for one program and one comparison: `NAME` and `STRUCT.field`. */
function expressionsOf({ constants, structs, newer }: AbiFile, names: CNames): Record<string, string> {
  const expressions: Record<string, string> = {};
  for (const name of Object.keys(constants)) {
    if (!(name in newer)) expressions[name] = names.expressions?.[name] ?? name;
  }
  for (const [name, table] of Object.entries(structs)) {
    const struct = names.structs?.[name];
    if (struct === undefined) throw new Error(`${name} has no struct in test/abi/c-names.ts`);
    for (const [field, expression] of Object.entries(structExpressions(struct, table))) {
      expressions[`${name}.${field}`] = expression;
    }
  }
  return expressions;
}

function numbersOf({ constants, structs, newer }: AbiFile): Record<string, number> {
  const entries = Object.entries(constants).filter(([name]) => !(name in newer));
  for (const [name, table] of Object.entries(structs)) {
    for (const [field, at] of Object.entries(table)) entries.push([`${name}.${field}`, at]);
  }
  return Object.fromEntries(entries);
}

const files = await Promise.all(
  readdirSync(ABI)
    .filter((file) => !WITHOUT_NUMBERS.includes(file))
    .map(read),
);

test('every file of abi/ is checked, and every one checked exists', () => {
  expect(files.map(({ file }) => file).toSorted()).toEqual(Object.keys(C_NAMES).toSorted());
});

describe.each(files)('$file', (abi) => {
  const names = C_NAMES[abi.file] ?? { headers: [] };

  test('names no struct that is not there', () => {
    expect(Object.keys(abi.structs).toSorted()).toEqual(Object.keys(names.structs ?? {}).toSorted());
  });

  test('has the numbers of the C compiler', () => {
    expect(numbersOf(abi)).toEqual(evaluateInC(names.headers, expressionsOf(abi, names)));
  });

  test.each(Object.entries(abi.newer))('%s, newer than the headers of Linux 6.1', (name, { value, since, source }) => {
    expect(abi.constants[name]).toBe(value);
    const isKnown = compilesInC(names.headers, name);
    if (!isKnown) console.info(`not checked: ${name} (Linux ${since}, ${source}) is not in the installed headers`);
    expect(isKnown ? evaluateInC(names.headers, { [name]: name })[name] : value).toBe(value);
  });
});

test('the virtio-net header of src/frame is where C puts it', () => {
  const headers = ['linux/virtio_net.h'];
  const expressions: Record<string, string> = {
    VNET_HEADER_BYTES: 'sizeof(struct virtio_net_hdr)',
    FLAGS: 'offsetof(struct virtio_net_hdr, flags)',
    GSO_TYPE: 'offsetof(struct virtio_net_hdr, gso_type)',
    HDR_LEN: 'offsetof(struct virtio_net_hdr, hdr_len)',
    GSO_SIZE: 'offsetof(struct virtio_net_hdr, gso_size)',
    CSUM_START: 'offsetof(struct virtio_net_hdr, csum_start)',
    CSUM_OFFSET: 'offsetof(struct virtio_net_hdr, csum_offset)',
    NEEDS_CSUM: 'VIRTIO_NET_HDR_F_NEEDS_CSUM',
    GSO_NONE: 'VIRTIO_NET_HDR_GSO_NONE',
    GSO_TCPV4: 'VIRTIO_NET_HDR_GSO_TCPV4',
    GSO_UDP: 'VIRTIO_NET_HDR_GSO_UDP',
    GSO_TCPV6: 'VIRTIO_NET_HDR_GSO_TCPV6',
    GSO_ECN: 'VIRTIO_NET_HDR_GSO_ECN',
  };
  if (compilesInC(headers, 'VIRTIO_NET_HDR_GSO_UDP_L4')) expressions['GSO_UDP_L4'] = 'VIRTIO_NET_HDR_GSO_UDP_L4';
  else console.info('not checked: VIRTIO_NET_HDR_GSO_UDP_L4 (Linux 6.2, linux/virtio_net.h) is not in the headers');
  expect(vnetHeader).toMatchObject(evaluateInC(headers, expressions));
});
