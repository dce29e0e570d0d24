export { lstmBackward, lstmForward } from "./lstm";
export { denseBackward, denseForward } from "./dense";
export { adam, addScaled, dropoutMask, multiply, packTransposed, sumOfSquares } from "./optimise";
