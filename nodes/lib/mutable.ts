/** What is to be filled with its properties. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
