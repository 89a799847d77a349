/** The page's words, and times and numbers as people write them. */
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'
import en from './en.json'
import ko from './ko.json'

export const LANGUAGES = { en: 'English', ko: '한국어' }
export type Language = keyof typeof LANGUAGES

type Dictionary = typeof en // the other languages hold the same keys, or the page does not build
const DICTIONARIES: Record<Language, Dictionary> = { en, ko }
const KEPT = 'isthmus-language'
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
]

/** Puts values into a text's {places}. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place))
}

function wording(language: Language) {
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' })
  const number = new Intl.NumberFormat(language)
  return {
    language,
    t: DICTIONARIES[language],
    fill,
    number: (value: number) => number.format(value),
    moment: (iso: string) => moment.format(new Date(iso)),
    ago(iso: string, now = Date.now()) {
      const seconds = (new Date(iso).getTime() - now) / 1000
      const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1]
      return relative.format(Math.round(seconds / length), unit)
    },
    took: (ms: number) => (ms < 1000 ? `${number.format(ms)} ms` : `${number.format(Math.round(ms / 100) / 10)} s`),
  }
}

export type Wording = ReturnType<typeof wording>

function preferred(): Language {
  const kept = localStorage.getItem(KEPT)
  if (kept === 'en' || kept === 'ko') return kept
  return navigator.language.toLowerCase().startsWith('ko') ? 'ko' : 'en'
}

const Context = createContext<Wording & { choose: (language: Language) => void }>({ ...wording('en'), choose: () => {} })

export function Worded({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(preferred)
  useEffect(() => {
    document.documentElement.lang = language
    localStorage.setItem(KEPT, language)
  }, [language])
  const value = useMemo(() => ({ ...wording(language), choose: setLanguage }), [language])
  return <Context.Provider value={value}>{children}</Context.Provider>
}

export const useWords = () => useContext(Context)
