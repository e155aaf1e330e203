// The part of htm/preact that the dashboard uses.
export type Setter<T> = (value: T | ((before: T) => T)) => void;
export function html(strings: TemplateStringsArray, ...values: unknown[]): any;
export function render(node: unknown, parent: Element): void;
export function useState<T>(initial: T | (() => T)): [T, Setter<T>];
export function useEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
export function useMemo<T>(make: () => T, inputs: unknown[]): T;
export function useCallback<T extends (...given: any[]) => any>(callback: T, inputs: unknown[]): T;
export function useRef<T>(initial: T): { current: T };
export function useErrorBoundary(callback?: (error: unknown) => void): [unknown, () => void];
