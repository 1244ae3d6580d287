import { configureStore } from "@reduxjs/toolkit";
import { useDispatch, useSelector } from "react-redux";
import { base } from "./api/base";
import { live } from "./live/slice";

export const store = configureStore({
  reducer: { [base.reducerPath]: base.reducer, [live.reducerPath]: live.reducer },
  middleware: (defaults) => defaults().concat(base.middleware),
});

export const useAppDispatch = useDispatch.withTypes<typeof store.dispatch>();
export const useAppSelector = useSelector.withTypes<ReturnType<typeof store.getState>>();
