package engine

func (f *floor) live() string { return "" }
