/** Does something with every item, in as many lanes side by side as are given; each lane takes the next item that is left. */
export async function inLanes<Item, Lane>(
  items: readonly Item[],
  lanes: readonly Lane[],
  act: (item: Item, lane: Lane) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const settled = await Promise.allSettled(
    lanes.map(async (lane) => {
      for (const item of left) await act(item, lane);
    }),
  );
  // Not before all lanes have ended: what is still being made could not be removed.
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}
