/**
 * A static cross-connect: what enters by one port of a pair leaves by the other, whatever its addresses; other ports are not
 * concerned. Decides by batch: one look at the ingress port answers for all of its frames.
 */
import { DEFER, defineLogic } from 'tswitch/logic';

export default defineLogic({
  name: 'cross-connect',
  description: 'what enters by one port of a pair leaves by the other',
  params: (z) =>
    z.object({
      pairs: z
        .array(z.tuple([z.string(), z.string()]))
        .default([])
        .describe('pairs of port names'),
    }),
  create: ({ params, ports }) => {
    /** By handle: the other port of the pair; -1: none. */
    const other = new Int32Array(256).fill(-1);
    for (const [a, b] of params.pairs) {
      const [left, right] = [ports.handleOf(a), ports.handleOf(b)];
      // One that is not there yet may come: then this is made anew.
      if (left < 0 || right < 0) continue;
      other[left] = right;
      other[right] = left;
    }
    return {
      decide: (batch) => {
        const egress = other[batch.ingress]!;
        if (egress < 0) return;
        const { verdict, count } = batch;
        for (let i = 0; i < count; i++) if (verdict[i] === DEFER) verdict[i] = egress;
      },
    };
  },
});
