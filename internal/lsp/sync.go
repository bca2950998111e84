package lsp

import "context"

func (s *server) didOpen(_ context.Context, p didOpenParams) (any, error) {
	path, ok := toPath(p.TextDocument.URI)
	if !ok {
		return nil, nil // not a file: nothing is known about it
	}
	s.workspace.put(path, &document{uri: p.TextDocument.URI, path: path, version: p.TextDocument.Version, text: newText([]byte(p.TextDocument.Text))})
	return nil, nil
}

func (s *server) didChange(_ context.Context, p didChangeParams) (any, error) {
	d := s.workspace.document(p.TextDocument.URI)
	if d == nil {
		return nil, nil
	}
	changed := &document{uri: d.uri, path: d.path, version: p.TextDocument.Version, text: d.text}
	for _, c := range p.ContentChanges {
		if c.Range == nil {
			changed.text = newText([]byte(c.Text))
			continue
		}
		changed.text = changed.text.replaced(*c.Range, c.Text)
	}
	s.workspace.put(d.path, changed)
	return nil, nil
}

func (s *server) didSave(context.Context, documentParams) (any, error) {
	s.workspace.changed() // functions may read what was saved
	return nil, nil
}

func (s *server) didClose(_ context.Context, p documentParams) (any, error) {
	if path, ok := toPath(p.TextDocument.URI); ok {
		s.workspace.put(path, nil)
	}
	return nil, nil
}

func (s *server) didChangeWatchedFiles(context.Context, watchedFilesParams) (any, error) {
	s.workspace.changed()
	return nil, nil
}
