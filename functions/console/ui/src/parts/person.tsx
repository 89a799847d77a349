/** Whoever is signed in. */
import { createContext, useContext } from 'react'
import type { Me } from '../api/types'

export const Person = createContext<Me>({ who: '', role: 'viewer' })

/** Whether they may change things. */
export const useMayChange = () => useContext(Person).role === 'operator'
