/**
 * Between Keras's row-major matrices and the kernel's panels: `[block][row][width]`, a block being eight LSTM units
 * with their four gates (32 columns: i f c o) or eight columns of a dense layer. Columns past the end are zero.
 */

/** Where element (row, column) of an LSTM matrix with `units` lies; `first` rows come before it in the panel. */
function lstmIndex(row: number, column: number, units: number, total: number, first: number): number {
  const gate = Math.floor(column / units);
  const unit = column % units;
  return (Math.floor(unit / 8) * total + first + row) * 32 + gate * 8 + (unit % 8);
}

function denseIndex(row: number, column: number, total: number): number {
  return (Math.floor(column / 8) * total + row) * 8 + (column % 8);
}

/** Copies a Keras LSTM matrix `[rows × 4 · units]` to `panel`, whose panels have `total` rows, from row `first` on. */
export function packLstm(values: Float32Array, units: number, total: number, first: number, panel: Float32Array): void {
  const columns = 4 * units;
  for (let i = 0; i < values.length; i++) {
    panel[lstmIndex(Math.floor(i / columns), i % columns, units, total, first)] = values[i] as number;
  }
}

/** The way back from `packLstm`, into `values`. */
export function unpackLstm(
  panel: Float32Array,
  units: number,
  total: number,
  first: number,
  values: Float32Array,
): void {
  const columns = 4 * units;
  for (let i = 0; i < values.length; i++) {
    values[i] = panel[lstmIndex(Math.floor(i / columns), i % columns, units, total, first)] as number;
  }
}

/** Copies a Keras dense matrix `[rows × columns]` to `panel`. */
export function packDense(values: Float32Array, columns: number, panel: Float32Array): void {
  const rows = values.length / columns;
  for (let i = 0; i < values.length; i++) {
    panel[denseIndex(Math.floor(i / columns), i % columns, rows)] = values[i] as number;
  }
}

/** The way back from `packDense`, into `values`. */
export function unpackDense(panel: Float32Array, columns: number, values: Float32Array): void {
  const rows = values.length / columns;
  for (let i = 0; i < values.length; i++) {
    values[i] = panel[denseIndex(Math.floor(i / columns), i % columns, rows)] as number;
  }
}
