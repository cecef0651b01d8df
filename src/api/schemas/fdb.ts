/** The MAC table (FDB) as HTTP shows and takes it. */
import { z } from '@hono/zod-openapi';
import { FDB_KINDS } from '../../control/model.ts';
import { VID_MAX, VID_MIN } from '../../limits.ts';
import { count, integerText, macAddress, oneOf, portName, strictObject, vid } from './common.ts';

export const FDB_PAGE_ENTRIES_MAX = 10_000;
export const FDB_PAGE_ENTRIES_DEFAULT = 1000;
const CURSOR_CHARACTERS_MAX = 256;

const fdbKind = oneOf(FDB_KINDS).openapi({
  description:
    '`dynamic`: learned from a frame, ages. `static`: given, never ages or moves. `sticky`: given, ages, but does not move to another port while it is alive.',
});

export const fdbEntry = z
  .object({
    mac: z.string().openapi({ description: 'MAC address, lower case.', example: '02:00:00:00:00:01' }),
    vlan: vid,
    port: portName,
    kind: fdbKind,
    ageSeconds: z.number().min(0).openapi({ description: 'Seconds since a frame from this address was last seen.' }),
  })
  .openapi('FdbEntry');

export const fdbRequest = strictObject(
  {
    mac: macAddress,
    port: portName,
    vlan: vid.optional().openapi({ description: "VLAN ID (VID); the port's `vlan` by default." }),
    kind: oneOf(['static', 'sticky'])
      .default('static')
      .openapi({ description: '`static` (default): never ages or moves. `sticky`: ages, but does not move.' }),
  },
  { ageSeconds: 'is only shown' },
).openapi('FdbRequest');

export const fdbEntryParams = z.object({
  vlan: integerText(VID_MIN, VID_MAX).openapi({ description: 'VLAN ID (VID).' }),
  mac: macAddress,
});

export const fdbQuery = strictObject({
  port: portName.optional(),
  vlan: integerText(VID_MIN, VID_MAX).optional().openapi({ description: 'Only entries of this VLAN.' }),
  kind: fdbKind.optional(),
  mac: macAddress.optional().openapi({ description: 'Only entries of this address, of all VLANs.' }),
  limit: integerText(1, FDB_PAGE_ENTRIES_MAX)
    .default(FDB_PAGE_ENTRIES_DEFAULT)
    .openapi({
      description: `Entries of one page, 1 to ${FDB_PAGE_ENTRIES_MAX}.`,
    }),
  cursor: z
    .string({ error: 'must be given once' })
    .max(CURSOR_CHARACTERS_MAX, 'is no cursor that this route gave')
    .optional()
    .openapi({ description: '`nextCursor` of the page before.' }),
});

export const fdbPage = z
  .object({
    entries: z.array(fdbEntry).openapi({ description: 'By VLAN and address.' }),
    total: count('Entries that match the filters, over all pages.'),
    nextCursor: z
      .string()
      .nullable()
      .openapi({ description: 'Give it as `cursor` to get the next page; null: the last.' }),
  })
  .openapi('FdbPage');

export const fdbFlush = strictObject({
  port: portName.optional(),
  vlan: vid.optional(),
  kind: fdbKind.optional(),
}).openapi('FdbFlush');

export const fdbFlushed = z.object({ removed: count('Entries removed.') }).openapi('FdbFlushed');
