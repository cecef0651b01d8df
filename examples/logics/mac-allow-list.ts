/**
 * A firewall on source addresses: who is not on the list is dropped. The list lies in a keyed table, so that a look-up costs some
 * nanoseconds however long it is.
 */
import { DEFER, defineLogic, keyed, macHigh, macLow, ownTable } from 'tswitch/logic';

const ADDRESSES_MAX = 10_000;

export default defineLogic({
  name: 'mac-allow-list',
  description: 'drops frames whose source address is not on a list',
  params: (z) =>
    z.object({
      allow: z
        .array(z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, 'must be a MAC address like 02:00:00:00:00:01'))
        .max(ADDRESSES_MAX)
        .default([])
        .describe('source addresses that may send'),
    }),
  drops: { NOT_ALLOWED: 'its source address is not on the list' },
  create: ({ params, drop }) => {
    // Made anew with every change of the list, by each worker for itself: nothing of it is shared or kept.
    const allowed = ownTable(keyed({ rows: ADDRESSES_MAX, columns: [] }));
    for (const mac of params.allow) allowed.insert(macHigh(mac), macLow(mac));
    return {
      frame: (frame) => (allowed.find(frame.sourceHigh, frame.sourceLow) < 0 ? drop.NOT_ALLOWED : DEFER),
    };
  },
});
