/** The outputs, in the order of the declaration. */
export const WINDOWS = 0;
export const LATE = 1;
